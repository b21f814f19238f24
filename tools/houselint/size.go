package main

// maxFileLines is the length of the longest file. A test of the main package bounds the packages.
const maxFileLines = 300

func checkSize(f *file, report reporter) {
	if !f.isGo() {
		return
	}
	if n := f.length(); n > maxFileLines {
		report.at(1, "the file has %d lines, at most %d are allowed", n, maxFileLines)
	}
}

func (f *file) length() int { return len(f.lines) - 1 }

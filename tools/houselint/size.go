package main

const (
	maxFileLines    = 300
	maxPackageFiles = 20   // without tests
	maxPackageLines = 2500 // without tests
)

func checkSize(f *file, report reporter) {
	if !f.isGo() {
		return
	}
	if n := f.length(); n > maxFileLines {
		report.at(1, "the file has %d lines, at most %d are allowed", n, maxFileLines)
	}
	var sources, lines int
	for _, g := range f.pkg.files {
		if g.isGo() && !g.isTest() {
			if sources == 0 && g != f { // the first file speaks for the package
				return
			}
			sources++
			lines += g.length()
		}
	}
	if sources > maxPackageFiles {
		report.at(1, "the package has %d files, at most %d are allowed", sources, maxPackageFiles)
	}
	if lines > maxPackageLines {
		report.at(1, "the package has %d lines, at most %d are allowed", lines, maxPackageLines)
	}
}

func (f *file) length() int { return len(f.lines) - 1 }

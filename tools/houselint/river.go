package main

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// knowRiver are the folders that may know River and its tables: testdb empties them, comments of the schema name them.
var knowRiver = []string{"jobs/queue", "internal/testdb", "migrations", "tools/houselint"}

func checkRiver(f *file, report reporter) {
	if slices.ContainsFunc(knowRiver, func(folder string) bool { return under(f.path, folder) }) {
		return
	}
	if f.isTest() { // it puts jobs into the states that it tests
		return
	}
	if f.isGo() || path.Ext(f.path) == ".sql" {
		for i, line := range f.lines {
			if strings.Contains(line, "river_job") {
				report.at(i+1, "river_job is the business of jobs/queue")
			}
		}
	}
	if !f.isGo() || isWorker(f.path) {
		return
	}
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil && under(name, "github.com/riverqueue") {
			report.at(f.line(spec.Pos()), "%s is for jobs/queue and the workers of jobs", name)
		}
	}
}

// isWorker reports whether a file of jobs defines a worker.
func isWorker(name string) bool {
	if dir := path.Dir(name); dir != "jobs" && dir != "jobs/measure" {
		return false
	}
	return strings.HasPrefix(path.Base(name), "worker_")
}

// under reports whether a path is a folder, or in it.
func under(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

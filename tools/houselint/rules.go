package main

import (
	"cmp"
	"fmt"
	"slices"
)

// rule is one check. It reads one file at a time; what a rule needs to know of the whole package is in file.pkg.
type rule struct {
	name  string
	doc   string
	check func(*file, reporter)
}

// rules are those that make lint checks.
var rules = []rule{
	{"words", "one word per thing, by the table in words.go", checkWords},
	{"people", "comments name the process, client or caller: no who, nobody, somebody", checkPeople},
	{"doc", "a doc comment begins with the identifier", checkDocs},
	{"literal", "a struct of more than two fields has one per line, except in the tables of tests", checkLiterals},
	{"assign", "an assignment is of one thing, or of things that belong together", checkAssignments},
	{"river", "River is known to jobs/queue and to the workers of jobs only", checkRiver},
	{"any", "exported functions neither take nor return any", checkAny},
	{"bound", "what waits has a bound: connections, requests, contexts, the waits of what stops", checkBounds},
	{"sleep", "a time.Sleep in a test has its reason in a comment", checkSleeps},
	{"failure", "a test that prints what it got prints what it wants", checkFailures},
	{"size", "files have 300 lines at most", checkSize},
}

// strictRules report too much correct code for make lint.
var strictRules = []rule{
	{"want", "a test that prints values prints an error or what it wants", checkWants},
}

// finding is one place that breaks a rule.
type finding struct {
	path    string // relative to the root, with slashes
	line    int
	rule    string
	message string
	edits   []edit // what -fix does about it; may be empty
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.path, f.line, f.rule, f.message)
}

// reporter takes the findings of one rule in one file.
type reporter func(line int, edits []edit, format string, args ...any)

// at reports a finding without a fix.
func (r reporter) at(line int, format string, args ...any) { r(line, nil, format, args...) }

// lint returns the findings of the rules that no comment silences, sorted by file, line and rule, one of each.
func lint(files []*file, rules []rule) []finding {
	var all []finding
	for _, f := range files {
		for _, r := range rules {
			r.check(f, func(line int, edits []edit, format string, args ...any) {
				if !f.ignores.silence(r.name, line) {
					all = append(all, finding{
						path:    f.path,
						line:    line,
						rule:    r.name,
						message: fmt.Sprintf(format, args...),
						edits:   edits,
					})
				}
			})
		}
		all = append(all, f.ignores.complaints(f.path, rules)...)
	}
	slices.SortStableFunc(all, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.line, b.line), cmp.Compare(a.rule, b.rule))
	})
	return slices.CompactFunc(all, func(a, b finding) bool { return len(a.edits) == 0 && a.String() == b.String() })
}

package main

import (
	"regexp"
	"slices"
	"strings"
)

// directive matches a comment of any language that silences a rule: the rule's name, then the reason.
var directive = regexp.MustCompile(`(?:^|\s)(?://|--|#|<!--|/\*) ?house:ignore(?: +(\S+))?([^\n]*)`)

// ignore is one directive.
type ignore struct {
	line   int
	alone  bool // there is nothing else on the line: the directive is about the next one
	rule   string
	reason string
	used   bool
}

type ignores []*ignore

// findIgnores returns the directives of a text.
func findIgnores(lines []string) ignores {
	var found ignores
	for i, line := range lines {
		m := directive.FindStringSubmatchIndex(line)
		if m == nil {
			continue
		}
		group := func(n int) string { return line[max(0, m[2*n]):max(0, m[2*n+1])] }
		found = append(found, &ignore{
			line:   i + 1,
			alone:  strings.TrimSpace(line[:m[0]]) == "",
			rule:   group(1),
			reason: strings.Trim(group(2), " \t-*/>"),
		})
	}
	return found
}

// silence reports whether a directive is about a rule on a line, and marks it as used.
func (all ignores) silence(rule string, line int) bool {
	for _, i := range all {
		if i.rule == rule && (i.line == line || i.alone && i.line == line-1) {
			i.used = true
			return true
		}
	}
	return false
}

// complaints returns the directives that name no rule, have no reason or silence nothing.
func (all ignores) complaints(path string, ran []rule) []finding {
	var found []finding
	for _, i := range all {
		is := func(r rule) bool { return r.name == i.rule }
		var message string
		switch {
		case !slices.ContainsFunc(slices.Concat(rules, strictRules), is):
			message = "name a rule: house:ignore RULE REASON"
		case i.reason == "":
			message = "give the reason: house:ignore " + i.rule + " REASON"
		case !i.used && slices.ContainsFunc(ran, is):
			message = "there is no finding of the rule " + i.rule + " to silence"
		default:
			continue
		}
		found = append(found, finding{
			path:    path,
			line:    i.line,
			rule:    "ignore",
			message: message,
		})
	}
	return found
}

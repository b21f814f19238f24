package main

import (
	"cmp"
	"fmt"
	"go/format"
	"os"
	"slices"
)

// edit replaces text[from:to].
type edit struct {
	from, to int
	text     string
}

// applyFixes rewrites the files that have findings with edits, and returns the other findings. The lines of those are
// the lines before the rewriting.
func applyFixes(root *os.Root, files []*file, findings []finding) ([]finding, error) {
	edits := map[string][]edit{}
	for _, f := range findings {
		edits[f.path] = append(edits[f.path], f.edits...)
	}
	for _, f := range files {
		if len(edits[f.path]) == 0 {
			continue
		}
		text, err := format.Source(rewrite(f.text, edits[f.path]))
		if err != nil {
			return nil, fmt.Errorf("%s: formatting the rewritten file: %w", f.path, err)
		}
		if err := root.WriteFile(f.path, text, 0o644); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(findings, func(f finding) bool { return len(f.edits) > 0 }), nil
}

// rewrite applies edits, which do not overlap.
func rewrite(text []byte, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var out []byte
	done := 0
	for _, e := range edits {
		out = append(out, text[done:e.from]...)
		out = append(out, e.text...)
		done = e.to
	}
	return append(out, text[done:]...)
}

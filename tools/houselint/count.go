package main

import (
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"text/tabwriter"
)

// printCounts prints a table of the numbers of findings, a line per folder and a column per rule.
func printCounts(w io.Writer, findings []finding) error {
	counts := map[string]map[string]int{} // by folder and rule
	found := map[string]bool{}            // the rules that have findings
	const total = "total"
	for _, f := range findings {
		for _, row := range []string{path.Dir(f.path), total} {
			if counts[row] == nil {
				counts[row] = map[string]int{}
			}
			counts[row][f.rule]++
			counts[row][total]++
		}
		found[f.rule] = true
	}
	columns := append(slices.Sorted(maps.Keys(found)), total)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(first string, cell func(column string) any) {
		_, _ = fmt.Fprintf(table, "%s\t", first)
		for _, column := range columns {
			_, _ = fmt.Fprintf(table, "%v\t", cell(column))
		}
		_, _ = fmt.Fprintln(table)
	}
	row("", func(column string) any { return column })
	folders := slices.DeleteFunc(slices.Sorted(maps.Keys(counts)), func(name string) bool { return name == total })
	for _, name := range append(folders, total) {
		row(name, func(column string) any { return counts[name][column] })
	}
	return table.Flush()
}

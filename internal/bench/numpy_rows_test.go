package bench_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/devdb"
)

// multiplied is what one multiplication has cost: seconds, and bytes that were read from the block store.
type multiplied struct {
	whole, multiply        float64 // from the files to the file; from the submission to the completion
	upload, download       float64
	tiles, kernel          float64 // of all tiles
	checking, wait, writes float64
	read, peak             float64 // bytes: from the store, and of the worker's memory
	cpu                    times
}

// multiplicationRow are the multiplications of all rounds.
type multiplicationRow struct {
	name    string
	stored  bool
	subject *subject
	all     []multiplied
}

// newMultiplicationRows starts what is measured: the program, and another one, with both block stores.
func newMultiplicationRows(t *testing.T) (rows []*multiplicationRow) {
	t.Helper()
	programs := []string{*programFlag}
	if *otherFlag != "" {
		programs = append(programs, *otherFlag)
	}
	for _, blocks := range []string{"file", "postgres"} {
		subjects := map[string]*subject{}
		for _, kind := range []string{"random", "files"} {
			if *rowsFlag != "" && !slices.Contains(strings.Split(*rowsFlag, ","), kind+"-"+blocks) {
				continue
			}
			for i, program := range programs {
				row := &multiplicationRow{name: "random operands, " + blocks + " store"}
				if row.stored = kind == "files"; row.stored {
					row.name = ".npy files, " + blocks + " store"
				}
				if i > 0 {
					row.name += ", other"
				}
				if subjects[program] == nil {
					var env []string
					if blocks == "postgres" {
						env = []string{"MILLRACE_BLOCKS=postgres"}
					}
					subjects[program] = deploy(t, "Millrace", program, devdb.Config{}, env...)
				}
				row.subject = subjects[program]
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// of returns the middle one of figures.
func (r *multiplicationRow) of(f func(p multiplied) float64) float64 {
	var all []float64
	for _, p := range r.all {
		all = append(all, f(p))
	}
	return middle(all)
}

const multiplicationHeader = `| operands | whole, s | against NumPy | multiplying, s | against NumPy | not in the kernel, % of a tile | check, % | read wait, % | writing, % | read, GB | worker's peak, MiB |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`

// markdown returns the row of the table.
func (r *multiplicationRow) markdown(numpyMultiply, numpyFiles float64) string {
	whole := r.of(func(p multiplied) float64 { return p.whole })
	compared := numpyFiles
	if !r.stored {
		whole = r.of(func(p multiplied) float64 { return p.multiply })
		compared = numpyMultiply
	}
	share := func(f func(p multiplied) float64) float64 {
		return 100 * r.of(func(p multiplied) float64 { return f(p) / p.tiles })
	}
	seconds := r.of(func(p multiplied) float64 { return p.multiply })
	return fmt.Sprintf("| %s | %.2f | %.2f | %.2f | %.2f | %.1f | %.2f | %.1f | %.1f | %.2f | %.0f |\n", r.name, whole,
		whole/compared, seconds, seconds/numpyMultiply,
		share(func(p multiplied) float64 { return p.tiles - p.kernel }), share(func(p multiplied) float64 { return p.checking }),
		share(func(p multiplied) float64 { return p.wait }), share(func(p multiplied) float64 { return p.writes }),
		r.of(func(p multiplied) float64 { return p.read })/1e9, r.of(func(p multiplied) float64 { return p.peak })/(1<<20))
}

const phasesHeader = `| operands | uploads, s | multiplying, s | download, s | CPU s: client | API | worker | Postgres | others |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
`

// phases returns the row of the table of phases.
func (r *multiplicationRow) phases() string {
	text := "| " + r.name
	for _, f := range []func(p multiplied) float64{
		func(p multiplied) float64 { return p.upload },
		func(p multiplied) float64 { return p.multiply },
		func(p multiplied) float64 { return p.download },
	} {
		text += fmt.Sprintf(" | %.2f", r.of(f))
	}
	for _, part := range []string{"client", "API", "worker", partPostgres, partOthers} {
		text += fmt.Sprintf(" | %.1f", r.of(func(p multiplied) float64 { return p.cpu[part].Seconds() }))
	}
	return text + " |\n"
}

// middle returns the middle one of some numbers.
func middle(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

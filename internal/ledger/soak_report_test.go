package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	plots "github.com/millrace/millrace/load"
)

// growth is by how much the greatest value of a series may exceed that of the time before: chance, and steps of caches.
const (
	growthShare = 0.25
	growthFloor = 12 // MiB, goroutines, connections
)

// judge compares the last third of each series with the third before, in which what expires and what comes are in balance.
func (s *samples) judge(t *testing.T) {
	t.Helper()
	third := len(s.seconds) / 3
	for _, name := range s.names {
		if name == "autovacuums" {
			continue
		}
		series := s.values[name]
		before, after := slices.Max(series[third:2*third]), slices.Max(series[2*third:])
		if after > before*(1+growthShare)+growthFloor {
			t.Errorf("%s: %.1f in the last third, and %.1f in the one before; want no growth", name, after, before)
		}
	}
}

// plot draws the curves into a folder.
func (s *samples) plot(t *testing.T, folder string) {
	t.Helper()
	minutes := make([]float64, len(s.seconds))
	for i, at := range s.seconds {
		minutes[i] = at / 60
	}
	for file, chart := range map[string]struct {
		title, y string
		series   [][2]string // the name in the legend, and that of the samples
	}{
		"soak-memory.svg": {"Memory of the processes", "MiB", [][2]string{
			{"API", "MiB of API"},
			{"worker 1", "MiB of worker 1"},
			{"worker 2", "MiB of worker 2"},
			{"worker 3", "MiB of worker 3"},
		}},
		"soak-tables.svg": {"Tables of inline multiplications and jobs, indexes of all tables", "MiB", [][2]string{
			{"completed", "MiB of inline_completed"},
			{"pending", "MiB of inline_pending"},
			{"jobs", "MiB of river_job"},
			{"indexes", "MiB of indexes"},
		}},
		"soak-counts.svg": {"Goroutines of an API and a worker, connections, dead rows", "number; dead rows in thousands", [][2]string{
			{"API", "goroutines of API"},
			{"worker", "goroutines of worker 1"},
			{"connections", "connections"},
			{"dead rows", "thousands of dead rows"},
		}},
	} {
		var curves []plots.Curve
		for _, name := range chart.series {
			curves = append(curves, plots.Curve{
				Name: name[0],
				X:    minutes,
				Y:    s.values[name[1]],
			})
		}
		axes := plots.Axes{
			Title: chart.title,
			X:     "minutes",
			Y:     chart.y,
		}
		var svg bytes.Buffer
		if err := plots.WriteCurves(&svg, axes, curves); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), svg.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

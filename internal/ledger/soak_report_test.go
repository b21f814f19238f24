package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		series   []string
	}{
		"soak-memory.svg": {"Memory of the processes", "MiB", []string{
			"MiB of API", "MiB of worker 1", "MiB of worker 2", "MiB of worker 3",
		}},
		"soak-tables.svg": {"Tables and indexes", "MiB", []string{
			"MiB of inline_completed", "MiB of inline_pending", "MiB of river_job", "MiB of indexes",
		}},
		"soak-counts.svg": {"Goroutines, connections, dead rows", "number", []string{
			"goroutines of API", "goroutines of worker 1", "connections", "thousands of dead rows",
		}},
	} {
		var curves []plots.Curve
		for _, name := range chart.series {
			curves = append(curves, plots.Curve{
				Name: strings.TrimPrefix(name, "MiB of "),
				X:    minutes,
				Y:    s.values[name],
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
		if err := os.WriteFile(filepath.Join(folder, file), svg.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

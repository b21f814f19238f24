package grids

import (
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
)

// TestDraw: each letter is at the place of its tiles, and says the most notable of what their jobs tell.
func TestDraw(t *testing.T) {
	t.Parallel()
	three := queue.Raster{
		Down:   3,
		Across: 5,
		Pieces: 2,
		Rows:   2,
		Cols:   2,
	}
	for name, test := range map[string]struct {
		raster    queue.Raster
		cells     []queue.Cell
		completed bool
		want      string
	}{
		"nothing is told": {raster: three, want: "../.."},
		"completed":       {raster: three, completed: true, want: "cc/cc"},
		"each":            {three, []queue.Cell{{Col: 1, Retrying: true, Running: true}, {Row: 1, Running: true, Completed: 2}}, false, ".e/r."},
		// The upper left cell has two rows and three columns of tiles of two jobs each.
		"all of a cell": {three, []queue.Cell{{Completed: 12}, {Row: 1, Col: 1, Completed: 4, Discarded: true}}, false, "c./.f"},
		"not all of it": {three, []queue.Cell{{Completed: 11}, {Row: 1, Col: 1, Completed: 4}}, false, "p./.c"},
		"beyond it":     {three, []queue.Cell{{Row: 2, Running: true}}, false, "../.."},
		"no tiles":      {want: ""},
	} {
		if got := strings.Join(draw(test.raster, test.cells, test.completed), "/"); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// TestRaster: a grid has a cell for each tile, or as many as a response may have, whatever the shape.
func TestRaster(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ m, k, n int64 }{
		{0, 3, 5}, {1, 1, 1}, {2600, 2, 2100}, {1, 1 << 30, 1}, {500_000, 3, 400_000}, {1 << 30, 1, 1},
	} {
		p := matrix.NewPlan(test.m, test.k, test.n)
		r := rasterOf(p)
		if r.Down*r.Across*r.Pieces != p.Pieces() || r.Rows != min(r.Down, resource.MaxCells) || r.Cols != min(r.Across, resource.MaxCells) {
			t.Errorf("%+v: the raster is %+v, want %d pieces", test, r, p.Pieces())
		}
		for _, n := range [][2]int64{{r.Down, r.Rows}, {r.Across, r.Cols}} {
			each := inEach(n[0], n[1])
			var sum int64
			for _, count := range each {
				sum += count
			}
			if sum != n[0] || n[1] > 0 && slices.Min(each) < 1 {
				t.Errorf("%d tiles in %d cells: %v", n[0], n[1], each)
			}
		}
	}
}

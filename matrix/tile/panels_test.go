package tile

import (
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
)

func TestPanelPlan(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		m, k, n           int64
		tile              matrix.Rect
		rows, cols, depth int64
	}{
		{10_000, 10_000, 10_000, matrix.Rect{Rows: 2560, Cols: 2048}, 2560, 2048, 1024},
		{100, 7, 100, matrix.Rect{Rows: 100, Cols: 100}, 100, 100, 7},
		{500_000, 10, 10, matrix.Rect{Rows: 500_000, Cols: 10}, 262144, 10, 10},      // Two bands of whole blocks of 16,384.
		{500_000, 10_000, 10, matrix.Rect{Rows: 500_000, Cols: 10}, 2560, 10, 1024},  // Blocks of A are 1,024 wide.
		{10, 10_000, 500_000, matrix.Rect{Rows: 10, Cols: 500_000}, 10, 4096, 512},   // Blocks of B are 4,096 wide.
		{10, 10_000, 9_000_000, matrix.Rect{Rows: 10, Cols: 400_000}, 10, 32768, 64}, // Blocks of B are 32,768 wide.
		{512, 1_000_000, 263, matrix.Rect{Rows: 512, Cols: 263}, 512, 263, 4096},     // Blocks of A are 8,192 wide.
		{512, 1_000_000, 1280, matrix.Rect{Rows: 512, Cols: 1280}, 512, 1280, 2048},  // As many elements as a panel may have.
		{10, 10_000, 500_000, matrix.Rect{Rows: 10, Cols: 2560}, 10, 2560, 1024},     // As many elements as a panel may have.
		{5_000_000, 1, 1, matrix.Rect{Rows: 5_000_000, Cols: 1}, 262144, 1, 1},
	} {
		p := testPanelPlan(tt.m, tt.k, tt.n, tt.tile)
		if p.rows != tt.rows || p.cols != tt.cols || p.depth != tt.depth {
			t.Errorf("%d×%d×%d: panels of %d×%d and %d×%d, want %d×%d and %d×%d", tt.m, tt.k, tt.n,
				p.rows, p.depth, p.depth, p.cols, tt.rows, tt.depth, tt.depth, tt.cols)
		}
	}
}

// testPanelPlan returns the plan of a tile of an m×k by a k×n matrix of float64.
func testPanelPlan(m, k, n int64, tile matrix.Rect) panelPlan {
	a := matrix.Shape{
		Rows:  m,
		Cols:  k,
		DType: matrix.Float64,
	}
	b := matrix.Shape{
		Rows:  k,
		Cols:  n,
		DType: matrix.Float64,
	}
	return newPanelPlan(a, b, tile, 0, k)
}

// TestPanelPlanOfTiles: the steps of the tiles of random plans cover the tiles, within the limits.
func TestPanelPlanOfTiles(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	side := func() int64 { return 1 + rnd.Int64N(1<<(1+rnd.IntN(24))) }
	for range 2000 {
		m, k, n := side(), side(), side()
		plan := matrix.NewPlan(m, k, n)
		tile := plan.Tile(rnd.Int64N(plan.Tiles()))
		p := testPanelPlan(m, k, n, tile)
		if p.rows*p.depth > panelElements || p.cols*p.depth > panelElements || max(p.rows, p.cols) > maxBandSide {
			t.Fatalf("%d×%d×%d: %+v, want panels of at most %d elements and bands of at most %d a side",
				m, k, n, p, panelElements, maxBandSide)
		}
		area := int64(0)
		for i := int64(0); i < p.bands().Blocks(); i++ {
			s := p.step(i * p.panels())
			area += s.c.Elements()
			if !s.first || s.c.Intersect(tile) != s.c {
				t.Fatalf("%d×%d×%d: band %d begins with %+v, want a first step inside the tile %+v", m, k, n, i, s, tile)
			}
		}
		if area != tile.Elements() {
			t.Fatalf("%d×%d×%d: the bands have %d elements, want %d", m, k, n, area, tile.Elements())
		}
		checkPanels(t, p, k)
	}
}

// checkPanels checks that the panels of the first band follow each other from 0 to k.
func checkPanels(t *testing.T, p panelPlan, k int64) {
	t.Helper()
	at := int64(0)
	for i := range p.panels() {
		s := p.step(i)
		ends := s.first == (i == 0) && s.last == (i == p.panels()-1)
		if s.a.Col != at || s.b.Row != at || s.a.Cols != s.b.Rows || !ends {
			t.Fatalf("step %d of %d is %+v, want panels that begin at %d", i, p.panels(), s, at)
		}
		at += s.a.Cols
	}
	if at != k {
		t.Fatalf("the panels end at %d, want %d", at, k)
	}
}

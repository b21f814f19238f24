package tile

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// TestEngineNonFiniteLate: an element that is not finite is no fault, wherever along the inner dimension it comes.
func TestEngineNonFiniteLate(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 8))
	const k, n = 2500, 70
	a := randomMatrix[float64](rnd, 120, k)
	engine := NewEngine(blas.Builtin())
	for _, at := range []int{1, 0, 600, 1000, 2400} { // from the second on in the memory of the one before
		b := randomMatrix[float64](rnd, k, n)
		b.elements[at*n+3] = math.NaN()
		tile, err := engine.MultiplyTile(t.Context(), a, b, matrix.Rect{Rows: 120, Cols: n}, matrix.Float64)
		if err != nil {
			t.Fatalf("a NaN in row %d: %v", at, err)
		}
		for i, got := range matrix.AsFloats[float64](tile.Bytes()) {
			if math.IsNaN(got) != (i%n == 3) {
				t.Errorf("a NaN in row %d, column 3: element %d is %v", at, i, got)
			}
		}
		tile.Release()
	}
}

// TestStats: what a tile spent its time on is less than all of its time, and nothing is kept that nothing shares.
func TestStats(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(9, 10))
	a, b := randomMatrix[float64](rnd, 300, 3000), randomMatrix[float64](rnd, 3000, 200)
	engine := NewEngine(blas.Builtin())
	engine.KeepPanels(1 << 30)
	tile, err := engine.MultiplyTile(t.Context(), a, b, matrix.Rect{Rows: 300, Cols: 200}, matrix.Float64)
	if err != nil {
		t.Fatal(err)
	}
	s := tile.Stats
	if s.Reading <= 0 || s.Waiting <= 0 || s.Kernel <= 0 || s.Checking <= 0 || s.Waiting+s.Kernel+s.Checking > s.Total {
		t.Errorf("got %+v, want each part more than nothing, and their sum at most the total", s)
	}
	if held := engine.Cache().Bytes; held != 0 {
		t.Errorf("%d bytes of panels without a name are held, want none", held)
	}
}

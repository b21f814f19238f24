package tile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

func TestEngineShapes(t *testing.T) {
	t.Parallel()
	forKernels(t, testEngineShapes[float64], testEngineShapes[float32])
}

// testEngineShapes multiplies shapes at the edges of panels and bands.
func testEngineShapes[T matrix.Float](t *testing.T, kernel blas.Kernel) {
	rnd := rand.New(rand.NewPCG(1, 2))
	engine := NewEngine(kernel)
	for _, s := range []struct{ m, k, n int64 }{
		{1, 1, 1}, {2, 3, 4}, {65, 64, 63}, {3, 1023, 5}, {3, 1024, 5}, {5, 1025, 3}, {4, 2049, 7}, {1, 5000, 1},
		{2561, 1025, 1}, {1, 1025, 2561}, {1, 1, 3000}, {270_000, 2, 1}, {1, 2, 270_000}, {130, 40, 170},
	} {
		a, b := randomMatrix[T](rnd, s.m, s.k), randomMatrix[T](rnd, s.k, s.n)
		whole := matrix.Rect{Rows: s.m, Cols: s.n}
		checkTile[T](t, engine, a, b, whole)
		part := matrix.Rect{Row: rnd.Int64N(s.m), Col: rnd.Int64N(s.n)}
		part.Rows = 1 + rnd.Int64N(s.m-part.Row)
		part.Cols = 1 + rnd.Int64N(s.n-part.Col)
		checkTile[T](t, engine, a, b, part)
	}
}

// checkTile computes a tile and compares it with the definition.
func checkTile[T, TA, TB matrix.Float](
	t *testing.T, engine *Engine, a testMatrix[TA], b testMatrix[TB], rect matrix.Rect,
) {
	t.Helper()
	name := fmt.Sprintf("tile %v of %s by %s", rect, a.Shape(), b.Shape())
	tile, err := engine.MultiplyTile(t.Context(), a, b, rect, matrix.DTypeOf[T]())
	if err != nil {
		t.Errorf("%s: %v, want no error", name, err)
		return
	}
	defer tile.Release()
	if want := matrix.FLOPs(rect.Rows, a.Shape().Cols, rect.Cols); tile.Stats.FLOPs != want {
		t.Errorf("%s: %v FLOPs, want %v", name, tile.Stats.FLOPs, want)
	}
	if want := rect.Elements() * int64(matrix.DTypeOf[T]().Size()); int64(len(tile.Bytes())) != want {
		t.Errorf("%s: %d bytes, want %d", name, len(tile.Bytes()), want)
		return
	}
	k := a.Shape().Cols
	for i, got := range matrix.AsFloats[T](tile.Bytes()) {
		row, col := rect.Row+int64(i)/rect.Cols, rect.Col+int64(i)%rect.Cols
		sum, magnitude := 0.0, 0.0
		for l := range k {
			p := float64(a.elements[row*k+l]) * float64(b.elements[l*b.Shape().Cols+col])
			sum += p
			magnitude += math.Abs(p)
		}
		if math.Abs(float64(got)-sum) > 2*float64(k+1)*matrix.UnitRoundoff[T]()*magnitude {
			t.Errorf("%s: element (%d, %d) is %v, want %v", name, row, col, got, sum)
			return
		}
	}
}

func TestEngineMixedTypes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	engine := NewEngine(blas.Builtin())
	a32, b32 := randomMatrix[float32](rnd, 7, 1100), randomMatrix[float32](rnd, 1100, 9)
	a64, b64 := randomMatrix[float64](rnd, 7, 1100), randomMatrix[float64](rnd, 1100, 9)
	whole := matrix.Rect{Rows: 7, Cols: 9}
	checkTile[float64](t, engine, a32, b64, whole)
	checkTile[float64](t, engine, a64, b32, whole)
	checkTile[float64](t, engine, a32, b32, whole)
	for _, operands := range [][2]matrix.Source{{a64, b32}, {a32, b64}, {a64, b64}} {
		a, b := operands[0], operands[1]
		if _, err := engine.MultiplyTile(t.Context(), a, b, whole, matrix.Float32); !errors.Is(err, matrix.ErrUnsupported) {
			t.Errorf("%s by %s in float32: %v, want %v", a.Shape(), b.Shape(), err, matrix.ErrUnsupported)
		}
	}
}

func TestEngineWithoutTerms(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	engine := NewEngine(blas.Builtin())
	// The second tile is likely to get the memory of the first, which must not show.
	for _, s := range []struct{ m, k, n int64 }{{8, 8, 8}, {8, 0, 8}, {0, 3, 8}, {4, 3, 0}} {
		a := randomMatrix[float64](rnd, s.m, s.k)
		b := randomMatrix[float64](rnd, s.k, s.n)
		checkTile[float64](t, engine, a, b, matrix.Rect{Rows: s.m, Cols: s.n})
	}
}

func TestEngineNonFinite(t *testing.T) {
	t.Parallel()
	a := newTestMatrix(2, 2, []float64{0, math.Inf(1), 1, 2})
	b := newTestMatrix(2, 3, []float64{1, 2, math.NaN(), 0, 3, 4})
	for _, kernel := range testKernels(t) {
		tile, err := NewEngine(kernel).MultiplyTile(t.Context(), a, b, matrix.Rect{Rows: 2, Cols: 3}, matrix.Float64)
		if err != nil {
			t.Fatal(err)
		}
		want := []float64{math.NaN(), math.Inf(1), math.NaN(), 1, 8, math.NaN()}
		for i, got := range matrix.AsFloats[float64](tile.Bytes()) {
			if got != want[i] && !(math.IsNaN(got) && math.IsNaN(want[i])) {
				t.Errorf("%s: element %d is %v, want %v", kernel.Name(), i, got, want[i])
			}
		}
	}
}

func TestEngineRejectsShapes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 8))
	engine := NewEngine(blas.Builtin())
	a, b := randomMatrix[float64](rnd, 3, 4), randomMatrix[float64](rnd, 4, 5)
	for _, tt := range []struct {
		a, b matrix.Source
		tile matrix.Rect
	}{
		{a, a, matrix.Rect{Rows: 1, Cols: 1}},
		{a, b, matrix.Rect{Rows: 4, Cols: 5}},
		{a, b, matrix.Rect{Rows: 3, Cols: 6}},
		{a, b, matrix.Rect{Row: -1, Rows: 1, Cols: 1}},
		{a, b, matrix.Rect{Row: 3, Rows: 1, Cols: 1}},
		{a, b, matrix.Rect{Rows: -1, Cols: 1}},
	} {
		_, err := engine.MultiplyTile(t.Context(), tt.a, tt.b, tt.tile, matrix.Float64)
		if !errors.Is(err, matrix.ErrShape) {
			t.Errorf("%s by %s, tile %v: %v, want %v", tt.a.Shape(), tt.b.Shape(), tt.tile, err, matrix.ErrShape)
		}
	}
}

func TestEngineConcurrently(t *testing.T) {
	t.Parallel()
	for _, kernel := range testKernels(t) {
		engine := NewEngine(kernel)
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(9, uint64(i)))
				a, b := randomMatrix[float64](rnd, 30, 1100), randomMatrix[float64](rnd, 1100, 20)
				a32 := randomMatrix[float32](rnd, 30, 1100)
				for range 3 {
					checkTile[float64](t, engine, a, b, matrix.Rect{Rows: 30, Cols: 20})
					checkTile[float64](t, engine, a32, b, matrix.Rect{
						Row:  3,
						Col:  4,
						Rows: 12,
						Cols: 15,
					})
				}
			})
		}
		wg.Wait()
	}
}

// TestEngineFindsFaults: the check finds a wrong computation in each panel and band.
func TestEngineFindsFaults(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(11, 12))
	a, b := randomMatrix[float64](rnd, 2561, 1025), randomMatrix[float64](rnd, 1025, 3)
	for name, fault := range map[string]func(m, n int, c []float64, ldc int){
		"flipped bit": func(m, n int, c []float64, ldc int) {
			at := &c[(m-1)*ldc+n-1]
			*at = math.Float64frombits(math.Float64bits(*at) ^ 1<<40)
		},
		"small error": func(_, _ int, c []float64, _ int) { c[0] += 1e-6 },
		"NaN":         func(_, _ int, c []float64, _ int) { c[1] = math.NaN() },
		"Inf":         func(_, _ int, c []float64, _ int) { c[1] = math.Inf(-1) },
		"zeros": func(m, n int, c []float64, ldc int) {
			for i := range m {
				clear(c[i*ldc : i*ldc+n])
			}
		},
	} {
		for call := range 4 { // Two bands of two panels.
			count := 0
			kernel := hookedKernel{Kernel: blas.Builtin(), hook: func(m, n int, c []float64, ldc int) {
				if count == call {
					fault(m, n, c, ldc)
				}
				count++
			}}
			whole := matrix.Rect{Rows: 2561, Cols: 3}
			engine := NewEngine(kernel)
			_, err := engine.MultiplyTile(t.Context(), a, b, whole, matrix.Float64)
			if !errors.Is(err, ErrCheck) {
				t.Errorf("%s in call %d of %d: %v, want %v", name, call, count, err, ErrCheck)
			}
			checkUnused(t, engine)
		}
	}
}

func TestEngineReadError(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(13, 14))
	a, b := randomMatrix[float64](rnd, 5, 5000), randomMatrix[float64](rnd, 5000, 6)
	broken := errors.New("disk on fire")
	for _, name := range []string{"a", "b"} {
		for failing := range 5 {
			reads := 0
			hook := func(context.Context) error {
				if reads++; reads > failing {
					return broken
				}
				return nil
			}
			var operandA, operandB matrix.Source = a, b
			if name == "a" {
				operandA = hookedSource{a, hook}
			} else {
				operandB = hookedSource{b, hook}
			}
			whole := matrix.Rect{Rows: 5, Cols: 6}
			engine := NewEngine(blas.Builtin())
			_, err := engine.MultiplyTile(t.Context(), operandA, operandB, whole, matrix.Float64)
			if !errors.Is(err, broken) {
				t.Errorf("read %d of %s: %v, want %v", failing, name, err, broken)
			}
			checkUnused(t, engine)
		}
	}
}

// TestMultiplyPart: the parts of a tile, each checked, add up to the tile.
func TestMultiplyPart(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(21, 22))
	engine := NewEngine(blas.Builtin())
	a := randomMatrix[float64](rnd, 7, 3000)
	b := randomMatrix[float64](rnd, 3000, 5)
	rect := matrix.Rect{
		Row:  1,
		Col:  2,
		Rows: 5,
		Cols: 3,
	}
	whole, err := engine.MultiplyTile(t.Context(), a, b, rect, matrix.Float64)
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]float64, rect.Elements())
	for from := int64(0); from < 3000; from += 1100 {
		part, err := engine.MultiplyPart(t.Context(), a, b, rect, from, min(1100, 3000-from), matrix.Float64)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range matrix.AsFloats[float64](part.Bytes()) {
			sum[i] += v
		}
		if want := matrix.FLOPs(5, min(1100, 3000-from), 3); part.Stats.FLOPs != want {
			t.Errorf("FLOPs = %g, want %g", part.Stats.FLOPs, want)
		}
	}
	for i, want := range matrix.AsFloats[float64](whole.Bytes()) {
		if math.Abs(sum[i]-want) > 1e-10*math.Abs(want)+1e-10 {
			t.Errorf("element %d is %v, want %v", i, sum[i], want)
		}
	}
	for _, r := range [][2]int64{{-1, 5}, {0, 3001}, {2999, 2}, {5, -1}} {
		if _, err := engine.MultiplyPart(t.Context(), a, b, rect, r[0], r[1], matrix.Float64); !errors.Is(err, matrix.ErrShape) {
			t.Errorf("MultiplyPart() of %d columns from %d on = %v, want %v", r[1], r[0], err, matrix.ErrShape)
		}
	}
}

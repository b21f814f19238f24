package sums

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestLevels: each instruction set gives the sums of the definition, for any shape and gap, and touches nothing else.
func TestLevels(t *testing.T) {
	t.Parallel()
	t.Run("float64", testLevels[float64])
	t.Run("float32", testLevels[float32])
}

func testLevels[T float32 | float64](t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	shapes := [][2]int{{3, maxCall + 5}, {4, maxCall/4 + 9}, {maxCall / 2, 9}, {37, 1000}}
	for rows := 1; rows < 11; rows++ {
		for cols := 1; cols < 40; cols++ {
			shapes = append(shapes, [2]int{rows, cols})
		}
	}
	for _, l := range levels() {
		for _, s := range shapes {
			testLevel[T](t, rnd, l, s[0], s[1])
		}
	}
}

func testLevel[T float32 | float64](t *testing.T, rnd *rand.Rand, l level, rows, cols int) {
	t.Helper()
	ld := cols + rnd.IntN(4)
	x := make([]T, (rows-1)*ld+cols)
	for i := range x {
		if x[i] = T(rnd.IntN(19) - 9); i%ld >= cols {
			x[i] = T(math.NaN())
		}
	}
	weights := Weights{make([]float64, cols), make([]float64, cols)}
	for j := range cols {
		weights.R[j] = float64(rnd.IntN(19) - 9)
		weights.W[j] = float64(rnd.IntN(9))
	}
	sum, bound := make([]float64, rows+1), make([]float64, rows+1)
	for i := range sum {
		sum[i] = float64(i)
		bound[i] = -float64(i)
	}
	m := Of(x, ld, rows, cols)
	m.add(l, weights, sum[:rows], bound[:rows])
	for i := range rows {
		wantSum, wantBound := float64(i), -float64(i)
		for j := range cols {
			v := float64(x[i*ld+j])
			wantSum += v * weights.R[j]
			wantBound += math.Abs(v) * weights.W[j]
		}
		if sum[i] != wantSum || bound[i] != wantBound {
			t.Fatalf("%s, %d×%d: row %d has %v and %v, want %v and %v", l.name, rows, cols, i, sum[i], bound[i], wantSum, wantBound)
		}
	}
	if sum[rows] != float64(rows) || bound[rows] != -float64(rows) {
		t.Fatalf("%s, %d×%d: what follows the sums has changed", l.name, rows, cols)
	}
}

// TestNotFinite: an element that is not finite makes the bound of its row not finite, and of no other row, wherever it
// is and whatever its weight.
func TestNotFinite(t *testing.T) {
	t.Parallel()
	const rows, cols = 6, 21
	for _, l := range levels() {
		for i := range rows * cols {
			for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				x := make([]float64, rows*cols)
				x[i] = v
				weights := Weights{make([]float64, cols), make([]float64, cols)}
				for j := range cols {
					weights.R[j] = float64(j % 2)
					weights.W[j] = float64(j % 2)
				}
				sum, bound := make([]float64, rows), make([]float64, rows)
				Of(x, cols, rows, cols).add(l, weights, sum, bound)
				for row, b := range bound {
					if finite := math.Abs(b) <= math.MaxFloat64; finite == (row == i/cols) {
						t.Fatalf("%s: %v at %d gives row %d the bound %v", l.name, v, i, row, b)
					}
				}
			}
		}
	}
}

// BenchmarkAdd sums a panel of a tile of full size, from memory, and a block that is in the second-level cache.
func BenchmarkAdd(b *testing.B) {
	b.Run("float64", benchmarkAdd[float64])
	b.Run("float32", benchmarkAdd[float32])
}

func benchmarkAdd[T float32 | float64](b *testing.B) {
	for _, s := range [][2]int{{2560, 1024}, {64, 344}} {
		rows, cols := s[0], s[1]
		x := make([]T, rows*cols)
		sum, bound := make([]float64, rows), make([]float64, rows)
		weights := Weights{make([]float64, cols), make([]float64, cols)}
		for i := range x {
			x[i] = T(i % 7)
		}
		for _, l := range levels() {
			b.Run(fmt.Sprintf("%s/%d×%d", l.name, rows, cols), func(b *testing.B) {
				for b.Loop() {
					Of(x, cols, rows, cols).add(l, weights, sum, bound)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows*cols), "ns/element")
			})
		}
	}
}

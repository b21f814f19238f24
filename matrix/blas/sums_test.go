package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/internal/sums"
)

// TestGemmWithSums: the sums are those of the definition, for every way to multiply; each part of B is shown once, when
// the sums of A and the columns of C agree, and what is changed there counts.
func TestGemmWithSums(t *testing.T) {
	t.Parallel()
	kernels, _ := Candidates()
	for _, kernel := range append(kernels, newPortable()) {
		for _, s := range [][3]int{{1, 1, 1}, {5, 3, 70}, {40, 2, 90}, {60, 70, 1}, {65, 66, 67}, {150, 160, 1100}, {70, 3500, 60}} {
			t.Run(fmt.Sprintf("%s/%d×%d×%d", kernel.Name(), s[0], s[1], s[2]), func(t *testing.T) {
				t.Parallel()
				testGemmWithSums[float64](t, kernel, s[0], s[1], s[2])
				testGemmWithSums[float32](t, kernel, s[0], s[1], s[2])
			})
		}
	}
}

func testGemmWithSums[T matrix.Float](t *testing.T, kernel Kernel, m, n, k int) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(m), uint64(n)))
	whole := func(count int) []T {
		x := make([]T, count)
		for i := range x {
			x[i] = T(rnd.IntN(5) - 2)
		}
		return x
	}
	a := whole(m * k)
	b := whole(k * n)
	c := make([]T, m*n)
	s := &Sums{Sum: make([]float64, m), Bound: make([]float64, m)}
	for range n {
		s.Columns.R = append(s.Columns.R, float64(rnd.IntN(5)-2))
		s.Columns.W = append(s.Columns.W, float64(rnd.IntN(5)))
	}
	shown := make([]bool, k*n)
	s.Inner = func(l, j, cols int, inner sums.Weights) {
		for i := range inner.R {
			var sum, bound float64
			for column := j; column < j+cols; column++ {
				at := (l+i)*n + column
				if shown[at] {
					t.Fatalf("row %d of B is shown twice in column %d", l+i, column)
				}
				shown[at] = true
				sum += float64(b[at]) * s.Columns.R[column]
				bound += math.Abs(float64(b[at])) * s.Columns.W[column]
			}
			if inner.R[i] != sum || inner.W[i] != bound {
				t.Fatalf("row %d of B, columns from %d: %v and %v, want %v and %v", l+i, j, inner.R[i], inner.W[i], sum, bound)
			}
			inner.W[i]++
		}
		for column := j; l > 0 && column < j+cols; column++ {
			var want float64
			for i := range l {
				want += float64(a[i]) * float64(b[i*n+column])
			}
			if float64(c[column]) != want {
				t.Fatalf("above row %d of B, C has %v in column %d, want %v", l, c[column], column, want)
			}
		}
	}
	GemmWithSums(kernel, m, n, k, a, k, b, n, c, n, false, s)
	for i, found := range shown {
		if !found {
			t.Fatalf("element %d of B is not shown", i)
		}
	}
	compareSums(t, a, b, c, n, k, s)
}

// compareSums compares the sums of A with the definition: C·R and |A|·|B|·W, and each row of B counts for one more.
func compareSums[T matrix.Float](t *testing.T, a, b, c []T, n, k int, s *Sums) {
	t.Helper()
	weighted := make([]float64, k)
	for i, v := range b {
		weighted[i/n] += math.Abs(float64(v)) * s.Columns.W[i%n]
	}
	for i := range s.Sum {
		var sum, bound float64
		for j, v := range c[i*n : (i+1)*n] {
			sum += float64(v) * s.Columns.R[j]
		}
		parts := (s.Bound[i] - boundOf(a[i*k:(i+1)*k], weighted, 0)) / max(1, boundOf(a[i*k:(i+1)*k], make([]float64, k), 1))
		bound = boundOf(a[i*k:(i+1)*k], weighted, parts)
		if s.Sum[i] != sum || s.Bound[i] != bound || parts != math.Trunc(parts) || parts < 1 && bound > 0 {
			t.Fatalf("row %d: %v and %v, want %v and %v", i, s.Sum[i], s.Bound[i], sum, bound)
		}
	}
}

// boundOf returns Σ |a|·(w+more).
func boundOf[T matrix.Float](a []T, w []float64, more float64) (sum float64) {
	for i, v := range a {
		sum += math.Abs(float64(v)) * (w[i] + more)
	}
	return sum
}

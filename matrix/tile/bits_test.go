package tile

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/matrix/blas"
)

// TestSameBitsAtEachSpeed: a fast machine multiplies more rows at a time than a slow one, and the product has the same
// bits.
func TestSameBitsAtEachSpeed(t *testing.T) {
	t.Parallel()
	const k = 1024
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 3, 5, 12, 50, 100} {
		for _, m := range []int{65, 130, 131, 301} {
			a := randomNormal(rnd, m*k)
			b := randomNormal(rnd, k*n)
			var want []float64
			for rows := m; rows >= minCallRows; rows -= 1 + rnd.IntN(20) {
				r := run[float64]{
					kernel:    blas.Builtin(),
					tile:      &Tile{},
					check:     newCheck[float64](k),
					callFLOPs: float64(2 * rows * n * k),
				}
				got := make([]float64, m*n)
				r.check.begin(m, n)
				r.check.beginPanel(a, b, k, got, n)
				p := operandPanels[float64]{
					a:     a,
					b:     b,
					rows:  m,
					depth: k,
					cols:  n,
					ldc:   n,
				}
				if err := r.multiply(t.Context(), 0, m, p, got, false); err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d×%d×%d with up to %d rows a call has other bits than with one call", m, k, n, rows)
				}
			}
		}
	}
}

func randomNormal(rnd *rand.Rand, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = rnd.NormFloat64()
	}
	return s
}

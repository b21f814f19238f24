package tile

import (
	"math"

	"github.com/millrace/millrace/matrix"
)

// dotLeavingOut returns Σ x·r and Σ |x|·|r| without the elements whose r is 0.
func dotLeavingOut[T matrix.Float](x []T, r []float64) (sum, magnitude float64) {
	for l, v := range r {
		if v != 0 {
			p := float64(x[l]) * v
			sum += p
			magnitude += math.Abs(p)
		}
	}
	return sum, magnitude
}

package tile

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// TestTolerance pins the tolerance from both sides, for each size, type and magnitude of the elements: an error of a
// little less than twice the bound is found, and one of a little less than half of it is not. The bound is computed here
// by its definition, from the operands and the random vector, in another way than the check does.
func TestTolerance(t *testing.T) {
	t.Parallel()
	forKernels(t, testTolerance[float64], testTolerance[float32])
}

// magnitudes are factors of the elements of A and of B, powers of two, so that the products of whole numbers stay
// exact. The last ones are where underflow makes the tolerance, in float32 and in float64.
var magnitudes = [][2]float64{
	{1, 1}, {0x1p60, 0x1p60}, {0x1p-50, 0x1p40}, {0x1p-60, 0x1p-62}, {0x1p-70, 0x1p-74}, {0x1p-100, 0x1p-30},
	{0x1p500, 0x1p500}, {0x1p-520, 0x1p-520}, {0x1p-530, 0x1p-540}, {0x1p-900, 0x1p850}, {0x1p900, 0x1p-1060},
}

func testTolerance[T matrix.Float](t *testing.T, kernel blas.Kernel) {
	rnd := rand.New(rand.NewPCG(31, 32))
	for _, size := range [][3]int{{1, 1, 1}, {3, 5, 2}, {7, 3, 40}, {12, 70, 9}, {5, 9, 600}, {40, 60, 300}} {
		for _, magnitude := range magnitudes {
			p := wholeProduct[T](rnd, size[0], size[1], size[2], magnitude)
			if p == nil {
				continue // not in T
			}
			p.multiply(kernel)
			for range 3 {
				testToleranceOf(t, rnd, p)
			}
		}
	}
}

// wholeProduct returns a product of whole numbers from 0 to 3 times a magnitude, or nil if they do not exist in T.
func wholeProduct[T matrix.Float](rnd *rand.Rand, m, n, k int, magnitude [2]float64) *checkedProduct[T] {
	p := &checkedProduct[T]{
		m:     m,
		n:     n,
		k:     k,
		depth: 1 + k/2,
		a:     make([]T, m*k),
		b:     make([]T, k*n),
		c:     make([]T, m*n),
	}
	for i, s := range [][]T{p.a, p.b} {
		if T(magnitude[i]) == 0 || !isFinite(float64(T(magnitude[i]))) {
			return nil
		}
		for l := range s {
			s[l] = T(float64(rnd.IntN(4)) * magnitude[i])
		}
	}
	if largest := 9 * float64(k*n) * magnitude[0] * magnitude[1]; !isFinite(float64(T(largest))) {
		return nil
	}
	return p
}

// toleranceOf returns the bound of row i by its definition, in the units of C·r.
func (p *checkedProduct[T]) toleranceOf(i int) float64 {
	u, least := 0x1p-53, math.SmallestNonzeroFloat64
	if _, single := any(p.a).([]float32); single {
		u, least = 0x1p-24, math.SmallestNonzeroFloat32
	}
	k, n := float64(p.k), float64(p.n)
	var magnitude float64 // of row i of |A|·|B|·|r|
	for j := range p.n {
		var sum float64
		for l := range p.k {
			sum += math.Abs(float64(p.a[i*p.k+l])) * math.Abs(float64(p.b[l*p.n+j]))
		}
		magnitude += sum * math.Abs(p.check.r[j])
	}
	var lost float64 // by underflow in B·r
	for _, a := range p.a[i*p.k : (i+1)*p.k] {
		lost += math.Abs(float64(a)) * n * 0x1p-1074
	}
	return lost + (k*u+(k+2*n)*0x1p-53)*magnitude + k*n*0x1p-32*least + (k+n)*0x1p-1074
}

// testToleranceOf puts errors into an element.
func testToleranceOf[T matrix.Float](t *testing.T, rnd *rand.Rand, p *checkedProduct[T]) {
	t.Helper()
	i, j := rnd.IntN(p.m), rnd.IntN(p.n)
	at := &p.c[i*p.n+j]
	right := *at
	defer func() { *at = right }()
	bound := p.toleranceOf(i)
	weight := math.Abs(p.check.r[j])
	sign := float64(1 - 2*rnd.IntN(2))
	// The largest error up to half of the bound that T can express, and the least from twice the bound on.
	for *at = T(float64(right) + sign*bound/weight/2); math.Abs(float64(*at)-float64(right))*weight > bound/2; {
		*at = towards(*at, float64(right))
	}
	if err := p.finish(); err != nil {
		t.Errorf("%d×%d×%d of %v and %v: an error of %.3g of the bound: %v, want none", p.m, p.n, p.k, p.a[:1], p.b[:1],
			math.Abs(float64(*at)-float64(right))*weight/bound, err)
	}
	away := sign * math.Inf(1)
	for *at = T(float64(right) + 2*sign*bound/weight); math.Abs(float64(*at)-float64(right))*weight < 2*bound; {
		*at = towards(*at, away)
	}
	if err := p.finish(); !errors.Is(err, ErrCheck) {
		t.Errorf("%d×%d×%d of %v and %v: an error of %.3g of the bound: %v, want %v", p.m, p.n, p.k, p.a[:1], p.b[:1],
			math.Abs(float64(*at)-float64(right))*weight/bound, err, ErrCheck)
	}
}

// towards returns the neighbour of x on the way to y.
func towards[T matrix.Float](x T, y float64) T {
	switch x := any(x).(type) {
	case float32:
		return T(math.Nextafter32(x, float32(y)))
	default:
		return T(math.Nextafter(float64(x.(float64)), y))
	}
}

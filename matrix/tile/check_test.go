package tile

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// checkedProduct is a product that is computed and checked panel by panel, as the engine does it.
type checkedProduct[T matrix.Float] struct {
	m, n, k, depth int
	a, b           []T // without gaps
	c              []T // after multiply
	check          *check[T]
	calls          int // 0 for one call of the kernel for each panel
}

func newCheckedProduct[T matrix.Float](rnd *rand.Rand, element func(*rand.Rand) float64) *checkedProduct[T] {
	p := &checkedProduct[T]{
		m:     1 + rnd.IntN(12),
		n:     1 + rnd.IntN(12),
		k:     1 + rnd.IntN(40),
		depth: 1 + rnd.IntN(15),
		calls: rnd.IntN(3),
	}
	p.a = make([]T, p.m*p.k)
	p.b = make([]T, p.k*p.n)
	p.c = make([]T, p.m*p.n)
	for _, s := range [][]T{p.a, p.b} {
		for i := range s {
			s[i] = T(element(rnd))
		}
	}
	return p
}

func (p *checkedProduct[T]) multiply(kernel blas.Kernel) {
	if p.check == nil {
		p.check = newCheck[T](int64(p.k))
	}
	p.check.begin(p.m, p.n)
	for from := 0; from < p.k; from += p.depth {
		depth := min(p.depth, p.k-from)
		var panel []T
		for i := range p.m {
			panel = append(panel, p.a[i*p.k+from:i*p.k+from+depth]...)
		}
		b := p.b[from*p.n : (from+depth)*p.n]
		p.check.beginPanel(panel, b, depth, p.c, p.n)
		for i := 0; i < p.m; { // sometimes in several calls
			rows := p.m
			if p.calls > 0 {
				rows = min(p.m-i, 1+p.calls*i)
			}
			blas.GemmWithSums(kernel, rows, p.n, depth, panel[i*depth:], depth, b, p.n, p.c[i*p.n:], p.n, from > 0,
				p.check.of(i, rows))
			i += rows
		}
		p.check.endPanel(0, p.m/2)
		p.check.endPanel(p.m/2, p.m)
	}
}

// finish checks the rows in two stages.
func (p *checkedProduct[T]) finish() error {
	if err := p.check.finish(p.c, p.n, 0, p.m/2, 0, 0); err != nil {
		return err
	}
	return p.check.finish(p.c, p.n, p.m/2, p.m, 0, 0)
}

func (p *checkedProduct[T]) String() string {
	return fmt.Sprintf("%d×%d×%d in panels of %d: a %v, b %v, c %v", p.m, p.k, p.n, p.depth, p.a, p.b, p.c)
}

// elements are distributions of matrix elements, unusual ones included.
var elements = map[string]func(*rand.Rand) float64{
	"uniform": (*rand.Rand).Float64,
	"normal":  (*rand.Rand).NormFloat64,
	"zero":    func(*rand.Rand) float64 { return 0 },
	"sparse":  func(rnd *rand.Rand) float64 { return float64(rnd.IntN(10)/9) * rnd.NormFloat64() },
	"wide": func(rnd *rand.Rand) float64 {
		return math.Ldexp(rnd.NormFloat64(), rnd.IntN(400)-200)
	},
	"denormal in float64": func(rnd *rand.Rand) float64 {
		return float64(rnd.IntN(2))*0x1p-1060*rnd.NormFloat64() + float64(rnd.IntN(2))*rnd.NormFloat64()
	},
	"denormal in float32": func(rnd *rand.Rand) float64 { return rnd.NormFloat64() * 0x1p-75 },
	"tiny terms": func(rnd *rand.Rand) float64 {
		return math.Ldexp(rnd.NormFloat64(), -520-rnd.IntN(30))
	},
	"huge and tiny": func(rnd *rand.Rand) float64 {
		return math.Ldexp(rnd.Float64(), []int{1023, 126, -1070, -148, 0}[rnd.IntN(5)])
	},
	"overflowing in float64": func(rnd *rand.Rand) float64 { return math.Ldexp(rnd.NormFloat64(), 508+rnd.IntN(5)) },
	"overflowing in float32": func(rnd *rand.Rand) float64 { return math.Ldexp(rnd.NormFloat64(), 60+rnd.IntN(5)) },
	"not finite": func(rnd *rand.Rand) float64 {
		if i := rnd.IntN(100); i < 3 {
			return []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[i]
		}
		return rnd.NormFloat64()
	},
}

func TestCheckAcceptsProducts(t *testing.T) {
	t.Parallel()
	forKernels(t, testCheckAcceptsProducts[float64], testCheckAcceptsProducts[float32])
}

func testCheckAcceptsProducts[T matrix.Float](t *testing.T, kernel blas.Kernel) {
	for name, element := range elements {
		rnd := rand.New(rand.NewPCG(7, 8))
		for range 500 {
			p := newCheckedProduct[T](rnd, element)
			p.multiply(kernel)
			if err := p.finish(); err != nil {
				t.Fatalf("%s, %s: %v, want no error", name, p, err)
			}
		}
	}
}

// TestCheckFindsWrongElement: a single wrong element is found from four times the tolerance on: twice because r may
// be as small as 1/2, and twice because the difference without the error may be as large as the tolerance.
func TestCheckFindsWrongElement(t *testing.T) {
	t.Parallel()
	forKernels(t, testCheckFindsWrongElement[float64], testCheckFindsWrongElement[float32])
}

func testCheckFindsWrongElement[T matrix.Float](t *testing.T, kernel blas.Kernel) {
	for _, name := range []string{"uniform", "normal", "sparse", "zero", "denormal in float32"} {
		rnd := rand.New(rand.NewPCG(9, 10))
		for range 300 {
			p := newCheckedProduct[T](rnd, elements[name])
			p.multiply(kernel)
			i, j := rnd.IntN(p.m), rnd.IntN(p.n)
			at := &p.c[i*p.n+j]
			right := *at
			for _, wrong := range []T{
				right + T(4.1*(p.check.coef*p.check.bound[i]+p.check.floor)/checkScale) + 2*T(smallest[T]()),
				right + 1,
				-1 - right,
				T(math.NaN()),
				T(math.Inf(1)),
			} {
				*at = wrong
				err := p.finish()
				if !errors.Is(err, ErrCheck) {
					t.Fatalf("%s: %v instead of %v at (%d, %d): %v, want %v; %s", name, wrong, right, i, j, err, ErrCheck, p)
				}
			}
		}
	}
}

// TestCheckFindsWrongElementAmongNonFinite: rows and columns that are left out must not hide a finite element in
// them, nor an error elsewhere.
func TestCheckFindsWrongElementAmongNonFinite(t *testing.T) {
	t.Parallel()
	kernel := blas.Builtin()
	rnd := rand.New(rand.NewPCG(11, 12))
	for range 2000 {
		p := newCheckedProduct[float64](rnd, elements["not finite"])
		p.multiply(kernel)
		i := rnd.IntN(len(p.c))
		want := ErrCheck
		switch right := p.c[i]; {
		case isFinite(right):
			p.c[i] += 1e-3
		case math.IsNaN(right) && rnd.IntN(2) == 0 && p.mustBeNaN(i):
			p.c[i] = math.Inf(1)
			want = errNotNaN
		default:
			p.c[i] = 1
			want = errNotFinite
		}
		if err := p.finish(); !errors.Is(err, ErrCheck) || !errors.Is(err, want) {
			t.Fatalf("%v at %d: %v, want %v; %s", p.c[i], i, err, want, p)
		}
	}
}

// TestCheckOfManyBands: what a check has found in one band is forgotten in the next.
func TestCheckOfManyBands(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(17, 18))
	used := newCheck[float64](0)
	for n := range 500 {
		p := newCheckedProduct[float64](rnd, elements[[]string{"not finite", "normal"}[n%2]])
		used.k = int64(p.k)
		p.check = used
		p.multiply(blas.Builtin())
		if err := p.finish(); err != nil {
			t.Fatalf("%s: %v, want no error", p, err)
		}
		if n%2 == 1 {
			p.c[rnd.IntN(len(p.c))] += 1e-3
			if err := p.finish(); !errors.Is(err, ErrCheck) {
				t.Fatalf("%s: %v, want %v", p, err, ErrCheck)
			}
		}
	}
}

// TestCheckOfDeepPanels: elements of B that are not finite are left out wherever they are in a panel that the kernel
// multiplies in several parts, and hide no error.
func TestCheckOfDeepPanels(t *testing.T) {
	t.Parallel()
	forKernels(t, testCheckOfDeepPanels[float64], testCheckOfDeepPanels[float32])
}

func testCheckOfDeepPanels[T matrix.Float](t *testing.T, kernel blas.Kernel) {
	rnd := rand.New(rand.NewPCG(15, 16))
	for range 30 {
		p := wholeProduct[T](rnd, 20+rnd.IntN(20), 3+rnd.IntN(9), 1000+rnd.IntN(1000), [2]float64{1, 1})
		p.depth = []int{p.k, p.k/2 + 1}[rnd.IntN(2)]
		p.calls = rnd.IntN(3)
		left := rnd.IntN(p.n) // a column that stays finite
		for range 1 + rnd.IntN(4) {
			if j := rnd.IntN(p.n); j != left {
				p.b[rnd.IntN(p.k)*p.n+j] = T(math.Inf(1 - 2*rnd.IntN(2)))
			}
		}
		p.multiply(kernel)
		if err := p.finish(); err != nil {
			t.Fatalf("%d×%d×%d in panels of %d: %v, want no error", p.m, p.k, p.n, p.depth, err)
		}
		p.c[rnd.IntN(p.m)*p.n+left] += T(p.k)
		if err := p.finish(); !errors.Is(err, ErrCheck) {
			t.Fatalf("%d×%d×%d in panels of %d: %v, want %v", p.m, p.k, p.n, p.depth, err, ErrCheck)
		}
	}
}

// mustBeNaN reports whether an operand has a NaN in the row or column of element i of C.
func (p *checkedProduct[T]) mustBeNaN(i int) bool {
	for l := range p.k {
		if kindOf(p.a[i/p.n*p.k+l]) == notANumber || kindOf(p.b[l*p.n+i%p.n]) == notANumber {
			return true
		}
	}
	return false
}

// TestCheckIsSharp: for ordinary matrices the tolerance is a small multiple of the largest rounding error.
func TestCheckIsSharp(t *testing.T) {
	t.Parallel()
	const n = 300
	rnd := rand.New(rand.NewPCG(13, 14))
	p := &checkedProduct[float64]{
		m:     n,
		n:     n,
		k:     n,
		depth: 128,
		a:     make([]float64, n*n),
		b:     make([]float64, n*n),
		c:     make([]float64, n*n),
	}
	for i := range p.a {
		p.a[i] = rnd.Float64()
		p.b[i] = rnd.Float64()
	}
	p.multiply(blas.Builtin())
	for i := range n {
		// An element is n/4; the sum over its row, weighted with r, 3/4·n times that.
		if relative := p.check.coef * p.check.bound[i] / checkScale / (n / 4) / n; relative > 10*n*0x1p-53 {
			t.Fatalf("row %d: the tolerance is %.3g of its elements, want at most %.3g", i, relative, 10*n*0x1p-53)
		}
	}
}

func TestCheckSaysWhere(t *testing.T) {
	t.Parallel()
	c := newCheck[float64](1)
	c.begin(2, 3)
	result := []float64{2, 4, 6, 4, 8, 11}
	a, b := []float64{1, 2}, []float64{2, 4, 6}
	c.beginPanel(a, b, 1, nil, 3)
	blas.GemmWithSums(blas.Builtin(), 2, 3, 1, a, 1, b, 3, make([]float64, 6), 3, false, c.of(0, 2))
	c.endPanel(0, 2)
	err := c.finish(result, 3, 0, 2, 100, 200)
	const want = "check of the result failed: row 101, columns 200 to 202: off by about "
	if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Errorf("finish() = %v, want %s…", err, want)
	}
}

package blas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// testKernels returns all built-in Kernels that this CPU can run, and the libraries of this machine.
func testKernels(t testing.TB) []Kernel {
	t.Helper()
	var kernels []Kernel
	for _, name := range Levels() {
		kernel, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		kernels = append(kernels, kernel)
	}
	libraries, unusable := Libraries()
	if len(unusable) > 0 {
		t.Errorf("unusable libraries: %v", unusable)
	}
	if len(libraries) == 0 {
		t.Log("no BLAS library is installed: only the built-in kernels are tested")
	}
	return append(kernels, libraries...)
}

// forKernels runs test once for every Kernel and element type.
func forKernels(t *testing.T, test64, test32 func(t *testing.T, kernel Kernel)) {
	t.Helper()
	for _, kernel := range testKernels(t) {
		t.Run(kernel.Name()+"/float64", func(t *testing.T) { t.Parallel(); test64(t, kernel) })
		t.Run(kernel.Name()+"/float32", func(t *testing.T) { t.Parallel(); test32(t, kernel) })
	}
}

func TestKernelByHand(t *testing.T) {
	t.Parallel()
	forKernels(t, testKernelByHand[float64], testKernelByHand[float32])
}

func testKernelByHand[T matrix.Float](t *testing.T, kernel Kernel) {
	inf, nan := T(math.Inf(1)), T(math.NaN())
	for _, tt := range []struct {
		name          string
		m, n, k       int
		a, b, c, want []T
		accumulate    bool
	}{
		{"1x1", 1, 1, 1, []T{3}, []T{-4}, []T{nan}, []T{-12}, false},
		{"square", 2, 2, 2, []T{1, 2, 3, 4}, []T{5, 6, 7, 8}, []T{nan, inf, 1, 1}, []T{19, 22, 43, 50}, false},
		{"accumulate", 2, 2, 2, []T{1, 2, 3, 4}, []T{5, 6, 7, 8}, []T{1, 10, 100, 1000}, []T{20, 32, 143, 1050}, true},
		{"wide", 1, 3, 2, []T{2, -1}, []T{1, 2, 3, 4, 5, 6}, []T{9, 9, 9}, []T{-2, -1, 0}, false},
		{"column", 3, 1, 1, []T{1, 2, 3}, []T{-2}, []T{9, 9, 9}, []T{-2, -4, -6}, false},
		{"k=0", 1, 2, 0, nil, nil, []T{nan, 7}, []T{0, 0}, false},
		{"k=0, accumulate", 1, 2, 0, nil, nil, []T{6, 7}, []T{6, 7}, true},
		{"m=0", 0, 2, 2, nil, []T{1, 2, 3, 4}, nil, nil, false},
		{"n=0", 2, 0, 2, []T{1, 2, 3, 4}, nil, nil, nil, false},
		{"NaN in a", 2, 1, 2, []T{nan, 0, 1, 1}, []T{0, 0}, []T{0, 0}, []T{nan, 0}, false},
		{"NaN in b", 1, 2, 2, []T{0, 0}, []T{nan, 1, 1, 1}, []T{0, 0}, []T{nan, 0}, false},
		{"0·Inf in a", 2, 1, 2, []T{inf, 0, 1, 1}, []T{0, 0}, []T{0, 0}, []T{nan, 0}, false},
		{"0·Inf in b", 1, 2, 2, []T{0, 0}, []T{1, -inf, 1, 1}, []T{0, 0}, []T{0, nan}, false},
		{"Inf", 1, 2, 2, []T{2, 1}, []T{inf, 1, 1, -inf}, []T{0, 0}, []T{inf, -inf}, false},
		{"Inf-Inf", 1, 1, 2, []T{inf, inf}, []T{1, -1}, []T{0}, []T{nan}, false},
		{"Inf in c", 1, 2, 1, []T{0}, []T{0, 0}, []T{inf, nan}, []T{inf, nan}, true},
	} {
		c := slices.Clone(tt.c)
		Gemm(kernel, tt.m, tt.n, tt.k, tt.a, max(1, tt.k), tt.b, max(1, tt.n), c, max(1, tt.n), tt.accumulate)
		if !slices.EqualFunc(c, tt.want, same) {
			t.Errorf("%s: %v, want %v", tt.name, c, tt.want)
		}
	}
}

// gemmCase is one multiplication with gaps between the rows of each matrix.
type gemmCase[T matrix.Float] struct {
	m, n, k, lda, ldb, ldc int
	a, b, c                []T
}

func newGemmCase[T matrix.Float](rnd *rand.Rand, m, n, k, gap int) gemmCase[T] {
	g := gemmCase[T]{
		m:   m,
		n:   n,
		k:   k,
		lda: max(1, k) + gap,
		ldb: max(1, n) + gap,
		ldc: max(1, n) + gap,
	}
	g.a = make([]T, m*g.lda)
	g.b = make([]T, k*g.ldb)
	g.c = make([]T, m*g.ldc)
	for _, s := range [][]T{g.a, g.b, g.c} {
		for i := range s {
			s[i] = T(rnd.NormFloat64())
		}
	}
	return g
}

// want returns the expected C, and the bound of each element's rounding error: (k+1)·u·(|A|·|B| + |C|), for any order
// of the sum (C.-P. Jeannerod and S. M. Rump, Improved error bounds for inner products in floating-point arithmetic,
// SIAM J. Matrix Anal. Appl. 34, 2013). It is infinite for elements that are not finite.
func (g gemmCase[T]) want(accumulate bool) (want, bound []float64) {
	want, bound = make([]float64, g.m*g.ldc), make([]float64, g.m*g.ldc)
	for i, v := range g.c {
		want[i] = float64(v)
	}
	for i := range g.m {
		for j := range g.n {
			sum, magnitude := 0.0, 0.0
			if accumulate {
				sum = float64(g.c[i*g.ldc+j])
				magnitude = math.Abs(sum)
			}
			for l := range g.k {
				p := float64(g.a[i*g.lda+l]) * float64(g.b[l*g.ldb+j])
				sum += p
				magnitude += math.Abs(p)
			}
			want[i*g.ldc+j] = sum
			// Twice, because the reference has an error of its own.
			bound[i*g.ldc+j] = 2 * float64(g.k+1) * matrix.UnitRoundoff[T]() * magnitude
		}
	}
	return want, bound
}

func TestKernelShapes(t *testing.T) {
	t.Parallel()
	forKernels(t, testKernelShapes[float64], testKernelShapes[float32])
}

func testKernelShapes[T matrix.Float](t *testing.T, kernel Kernel) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sides := []int{0, 1, 3, 63, 64, 65}
	var shapes [][3]int
	for _, m := range sides {
		for _, n := range sides {
			for _, k := range sides {
				shapes = append(shapes, [3]int{m, n, k})
			}
		}
	}
	shapes = append(shapes, [][3]int{
		{2, 5, 7}, {1, 300, 1000}, {300, 1, 1000}, {1, 1, 3000}, {1000, 7, 1}, {1, 1000, 1}, {17, 129, 513},
		{255, 31, 256}, {256, 33, 257}, {33, 257, 255}, {31, 255, 256}, {32, 256, 257}, {255, 257, 1},
	}...)
	for _, s := range shapes {
		gap := rnd.IntN(4)
		checkGemmCase(t, kernel, newGemmCase[T](rnd, s[0], s[1], s[2], gap), s[0]&1 == 0)
		checkGemmCase(t, kernel, newGemmCase[T](rnd, s[0], s[1], s[2], gap), s[0]&1 == 1)
		if t.Failed() {
			return
		}
	}
}

// TestKernelSpecialValues: NaN and Inf at random places, among many zeros.
func TestKernelSpecialValues(t *testing.T) {
	t.Parallel()
	forKernels(t, testKernelSpecialValues[float64], testKernelSpecialValues[float32])
}

func testKernelSpecialValues[T matrix.Float](t *testing.T, kernel Kernel) {
	rnd := rand.New(rand.NewPCG(3, 4))
	specials := []float64{math.NaN(), math.Inf(1), math.Inf(-1)}
	for range 200 {
		g := newGemmCase[T](rnd, 1+rnd.IntN(40), 1+rnd.IntN(40), 1+rnd.IntN(70), rnd.IntN(3))
		for _, s := range [][]T{g.a, g.b, g.c} {
			for i := range s {
				if rnd.IntN(2) == 0 {
					s[i] = 0
				}
			}
			for range rnd.IntN(3) {
				s[rnd.IntN(len(s))] = T(specials[rnd.IntN(3)])
			}
		}
		checkGemmCase(t, kernel, g, rnd.IntN(2) == 0)
		if t.Failed() {
			return
		}
	}
}

// checkGemmCase compares C with the definition, the gaps included, and checks that the operands have not changed.
func checkGemmCase[T matrix.Float](t *testing.T, kernel Kernel, g gemmCase[T], accumulate bool) {
	t.Helper()
	want, bound := g.want(accumulate)
	a, b := slices.Clone(g.a), slices.Clone(g.b)
	Gemm(kernel, g.m, g.n, g.k, g.a, g.lda, g.b, g.ldb, g.c, g.ldc, accumulate)
	name := fmt.Sprintf("%d×%d by %d×%d, ld %d, %d, %d, accumulate %t",
		g.m, g.k, g.k, g.n, g.lda, g.ldb, g.ldc, accumulate)
	if !slices.EqualFunc(a, g.a, same) || !slices.EqualFunc(b, g.b, same) {
		t.Errorf("%s: an operand has changed, want it as it was", name)
	}
	for i, w := range want {
		if got := float64(g.c[i]); !same(got, w) && !(math.Abs(got-w) <= bound[i] && !math.IsInf(got, 0)) {
			t.Errorf("%s: c[%d, %d] = %v, want %v", name, i/g.ldc, i%g.ldc, got, w)
			return
		}
	}
}

func TestKernelPanics(t *testing.T) {
	t.Parallel()
	const m, n, k = 2, 3, 4
	a, b, c := make([]float64, m*k), make([]float64, k*n), make([]float64, m*n)
	for _, kernel := range testKernels(t) {
		for want, call := range map[string]func(){
			panicNegative: func() { kernel.Dgemm(-1, n, k, a, k, b, n, c, n, false) },
			panicBadLdA:   func() { kernel.Dgemm(m, n, k, a, k-1, b, n, c, n, false) },
			panicBadLdB:   func() { kernel.Dgemm(m, n, k, a, k, b, n-1, c, n, false) },
			panicBadLdC:   func() { kernel.Dgemm(m, n, k, a, k, b, n, c, n-1, false) },
			panicShortA:   func() { kernel.Dgemm(m, n, k, a[1:], k, b, n, c, n, false) },
			panicShortB:   func() { kernel.Dgemm(m, n, k, a, k, b[1:], n, c, n, false) },
			panicShortC:   func() { kernel.Dgemm(m, n, k, a, k, b, n, c[1:], n, false) },
			panicTooLarge: func() { kernel.Dgemm(m, n, k, a, math.MaxInt32+1, b, n, c, n, false) },
		} {
			func() {
				defer func() {
					if got := recover(); got != want {
						t.Errorf("%s: panic %v, want %v", kernel.Name(), got, want)
					}
				}()
				call()
			}()
		}
	}
}

func TestKernelConcurrently(t *testing.T) {
	t.Parallel()
	for _, kernel := range testKernels(t) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(i), 0))
				for range 10 {
					checkGemmCase(t, kernel, newGemmCase[float64](rnd, 40, 30, 100, 0), false)
					checkGemmCase(t, kernel, newGemmCase[float32](rnd, 30, 40, 100, 1), true)
				}
			})
		}
		wg.Wait()
	}
}

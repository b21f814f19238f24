package blas

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// TestKernelDenormals: numbers below the smallest normal one are neither read nor written as zero.
func TestKernelDenormals(t *testing.T) {
	t.Parallel()
	forKernels(t, func(t *testing.T, kernel Kernel) {
		testKernelDenormals(t, kernel, math.SmallestNonzeroFloat64)
	}, func(t *testing.T, kernel Kernel) {
		testKernelDenormals[float32](t, kernel, math.SmallestNonzeroFloat32)
	})
}

func testKernelDenormals[T matrix.Float](t *testing.T, kernel Kernel, tiny T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {65, 67, 66}, {50, 51, 5400}} {
		g := newGemmCase[T](rnd, s[0], s[1], s[2], 1)
		for i := range g.a {
			g.a[i] = tiny * T(rnd.IntN(3))
		}
		for i := range g.b {
			g.b[i] = T(rnd.IntN(3))
		}
		for i := range g.c {
			g.c[i] = tiny
		}
		want, _ := g.want(true)
		Gemm(kernel, g.m, g.n, g.k, g.a, g.lda, g.b, g.ldb, g.c, g.ldc, true)
		for i, v := range g.c {
			if float64(v) != want[i] {
				t.Fatalf("%d×%d×%d: element %d is %v, want %v", g.m, g.k, g.n, i, v, want[i])
			}
		}
	}
}

// TestKernelSharedOperands: A and B may be the same memory, and overlap.
func TestKernelSharedOperands(t *testing.T) {
	t.Parallel()
	forKernels(t, testKernelSharedOperands[float64], testKernelSharedOperands[float32])
}

func testKernelSharedOperands[T matrix.Float](t *testing.T, kernel Kernel) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 2, 17, 65} {
		for shift := range min(2, n) {
			g := newGemmCase[T](rnd, n, n, n, 2)
			g.b = g.a[shift:]
			want, bound := g.want(false)
			Gemm(kernel, n, n, n, g.a, g.lda, g.b[:(n-1)*g.ldb+n], g.ldb, g.c, g.ldc, false)
			for i, v := range g.c {
				if i%g.ldc < n && !(math.Abs(float64(v)-want[i]) <= bound[i]) {
					t.Fatalf("%d×%d, shift %d: element %d is %v, want %v within %v", n, n, shift, i, v, want[i], bound[i])
				}
			}
		}
	}
}

package blas

import (
	"fmt"
	"math"

	"github.com/millrace/millrace/matrix"
)

// probe returns an error unless kernel multiplies small matrices exactly and propagates NaN and Inf as Kernel requires.
// It detects libraries with another calling convention, and libraries that skip zeros as old reference BLAS do.
func probe(kernel Kernel) error {
	if err := probeType[float64](kernel); err != nil {
		return fmt.Errorf("dgemm_: %w", err)
	}
	if err := probeType[float32](kernel); err != nil {
		return fmt.Errorf("sgemm_: %w", err)
	}
	return nil
}

// probeType multiplies vectors, for which many libraries have separate code, a shape that fills no vector register
// evenly, and one that is larger than what libraries treat as small.
func probeType[T matrix.Float](kernel Kernel) error {
	for _, s := range [][3]int{{1, 1, 1}, {1, 5, 3}, {5, 1, 3}, {7, 9, 5}, {65, 67, 66}} {
		m, n, k := s[0], s[1], s[2]
		for _, special := range []float64{1, math.NaN(), math.Inf(1)} {
			a := smallIntegers[T](m * k)
			b := smallIntegers[T](k * n)
			a[m*k-1] = 0
			b[(k-1)*n] = T(special)
			if err := probeOne(kernel, m, n, k, a, b); err != nil {
				return err
			}
			a = smallIntegers[T](m * k)
			b = smallIntegers[T](k * n)
			a[k-1] = T(special)
			b[k*n-1] = 0
			if err := probeOne(kernel, m, n, k, a, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// probeOne compares one multiplication with the definition.
func probeOne[T matrix.Float](kernel Kernel, m, n, k int, a, b []T) error {
	c := make([]T, m*n)
	want := make([]T, m*n)
	Gemm(kernel, m, n, k, a, k, b, n, c, n, false)
	gemmByDefinition(m, n, k, a, b, want)
	for i := range want {
		if !same(c[i], want[i]) {
			return fmt.Errorf("an element is %v, want %v, multiplying %d×%d by %d×%d", c[i], want[i], m, k, k, n)
		}
	}
	return nil
}

// smallIntegers returns n integers between -2 and 2. Sums of their products are exact in any order.
func smallIntegers[T matrix.Float](n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(3*i%5 - 2)
	}
	return s
}

// gemmByDefinition sets C = A·B, with matrices that have no gaps, by three plain loops.
func gemmByDefinition[T matrix.Float](m, n, k int, a, b, c []T) {
	for i := range m {
		for j := range n {
			var sum T
			for l := range k {
				sum += a[i*k+l] * b[l*n+j]
			}
			c[i*n+j] = sum
		}
	}
}

// same reports whether x and y are equal or both NaN.
func same[T matrix.Float](x, y T) bool { return x == y || x != x && y != y }

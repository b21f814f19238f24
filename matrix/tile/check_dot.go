package tile

import (
	"math"

	"github.com/millrace/millrace/matrix"
)

// The inner products of a check. They read matrices that may not be in any cache. Where possible they read four rows at
// a time, so that there are enough sums to keep the adders busy without unrolling. In those that square, the variables
// fit into 16 registers; absolute values would cost two moves to integer registers and back.

// dotRows returns, for the rows i to i+3 of the matrix x of rows×n elements, Σ x·r and Σ (x·r)². Rows beyond the last
// repeat the last.
func dotRows[T matrix.Float](x []T, i, rows int, r []float64) (sums, squares [4]float64) {
	x0, x1, x2, x3 := fourRows(x, i, rows, len(r))
	var a0, a1, a2, a3, b0, b1, b2, b3 float64
	for l, v := range r {
		p0, p1, p2, p3 := float64(x0[l])*v, float64(x1[l])*v, float64(x2[l])*v, float64(x3[l])*v
		a0 += p0
		a1 += p1
		a2 += p2
		a3 += p3
		b0 += p0 * p0
		b1 += p1 * p1
		b2 += p2 * p2
		b3 += p3 * p3
	}
	return [4]float64{a0, a1, a2, a3}, [4]float64{b0, b1, b2, b3}
}

// dotRowsWeighted returns Σ x·s and Σ (x·t)² for the same rows.
func dotRowsWeighted[T matrix.Float](x []T, i, rows int, s, t []float64) (sums, squares [4]float64) {
	x0, x1, x2, x3 := fourRows(x, i, rows, len(s))
	t = t[:len(s)]
	var a0, a1, a2, a3, b0, b1, b2, b3 float64
	for l, v := range s {
		w := t[l]
		p0, p1, p2, p3 := float64(x0[l]), float64(x1[l]), float64(x2[l]), float64(x3[l])
		a0 += p0 * v
		a1 += p1 * v
		a2 += p2 * v
		a3 += p3 * v
		p0 *= w
		p1 *= w
		p2 *= w
		p3 *= w
		b0 += p0 * p0
		b1 += p1 * p1
		b2 += p2 * p2
		b3 += p3 * p3
	}
	return [4]float64{a0, a1, a2, a3}, [4]float64{b0, b1, b2, b3}
}

// fourRows returns rows i to i+3 of x. Rows beyond the last repeat the last.
func fourRows[T matrix.Float](x []T, i, rows, n int) (x0, x1, x2, x3 []T) {
	row := func(i int) []T {
		i = min(i, rows-1)
		return x[i*n : i*n+n]
	}
	return row(i), row(i + 1), row(i + 2), row(i + 3)
}

// dot returns Σ x·r.
func dot[T matrix.Float](x []T, r []float64) float64 {
	r = r[:len(x)]
	var a0, a1, a2, a3 float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		p := (*[4]T)(x[i:])
		v := (*[4]float64)(r[i:])
		a0 += float64(p[0]) * v[0]
		a1 += float64(p[1]) * v[1]
		a2 += float64(p[2]) * v[2]
		a3 += float64(p[3]) * v[3]
	}
	for ; i < len(x); i++ {
		a0 += float64(x[i]) * r[i]
	}
	return a0 + a1 + a2 + a3
}

// dotAbs returns Σ x·s and Σ |x|·|t|.
func dotAbs[T matrix.Float](x []T, s, t []float64) (sum, magnitude float64) {
	for l, v := range x {
		sum += float64(v) * s[l]
		magnitude += math.Abs(float64(v) * t[l])
	}
	return sum, magnitude
}

// dotLeavingOut is dotAbs(x, r, r) without the elements whose r is 0.
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

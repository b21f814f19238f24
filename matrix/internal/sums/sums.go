// Package sums has the weighted sums of the check of a tile, with vector instructions where the CPU has them. It knows
// nothing of the kernels, which multiply the same matrices.
package sums

import (
	"math"
	"unsafe"
)

// Matrix is a row-major matrix in memory. It may be part of one.
type Matrix struct {
	X    unsafe.Pointer
	Row  int // bytes from one row to the next
	Size int // of an element, in bytes: 8 or 4
	Rows int
	Cols int
}

// Of returns the matrix of rows×cols elements at the beginning of x, whose rows are ld elements apart.
func Of[T float32 | float64](x []T, ld, rows, cols int) Matrix {
	if rows > 0 && cols > 0 {
		_ = x[(rows-1)*ld+cols-1]
	}
	size := int(unsafe.Sizeof(*new(T)))
	return Matrix{
		X:    unsafe.Pointer(unsafe.SliceData(x)),
		Row:  ld * size,
		Size: size,
		Rows: rows,
		Cols: cols,
	}
}

// Weights are the weights of the columns of a matrix: R of the elements, and W of their magnitudes.
type Weights struct{ R, W []float64 }

// Add adds to sum[i] the sum over row i of m, weighted with R, and to bound[i] the sum of the magnitudes, weighted with
// W. It computes in float64, in an order that is not defined.
func (m Matrix) Add(weights Weights, sum, bound []float64) {
	if m.Rows == 0 || m.Cols == 0 {
		return
	}
	m.add(best, Weights{weights.R[:m.Cols], weights.W[:m.Cols]}, sum[:m.Rows], bound[:m.Rows])
}

// add is Add with an instruction set.
func (m Matrix) add(l level, weights Weights, sum, bound []float64) {
	done := m.addVectors(l, weights, sum, bound)
	if done == m.Cols {
		return
	}
	rest := m
	rest.X = unsafe.Add(m.X, done*m.Size)
	rest.Cols -= done
	weights.R, weights.W = weights.R[done:], weights.W[done:]
	if m.Size == 8 {
		addPortable[float64](rest, weights, sum, bound)
	} else {
		addPortable[float32](rest, weights, sum, bound)
	}
}

// addPortable is Add without vector instructions. It reads four rows side by side, so that there are enough sums to
// keep the adders busy.
func addPortable[T float32 | float64](m Matrix, weights Weights, sum, bound []float64) {
	row := func(i int) []T {
		return unsafe.Slice((*T)(unsafe.Add(m.X, min(i, m.Rows-1)*m.Row)), m.Cols)
	}
	for i := 0; i < m.Rows; i += 4 {
		x0, x1, x2, x3 := row(i), row(i+1), row(i+2), row(i+3)
		var a0, a1, a2, a3, b0, b1, b2, b3 float64
		for l, r := range weights.R {
			w := weights.W[l]
			p0, p1, p2, p3 := float64(x0[l]), float64(x1[l]), float64(x2[l]), float64(x3[l])
			a0 += p0 * r
			a1 += p1 * r
			a2 += p2 * r
			a3 += p3 * r
			b0 += math.Abs(p0) * w
			b1 += math.Abs(p1) * w
			b2 += math.Abs(p2) * w
			b3 += math.Abs(p3) * w
		}
		s, b := [4]float64{a0, a1, a2, a3}, [4]float64{b0, b1, b2, b3}
		for k := range min(4, m.Rows-i) {
			sum[i+k] += s[k]
			bound[i+k] += b[k]
		}
	}
}

package tile

import (
	"context"
	"math/rand/v2"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// memorySource is a Source of elements in memory.
type memorySource[T matrix.Float] struct {
	shape    matrix.Shape
	elements []T
}

// newMemorySource returns a matrix of normally distributed elements.
func newMemorySource[T matrix.Float](rnd *rand.Rand, rows, cols int64) *memorySource[T] {
	s := &memorySource[T]{shape: matrix.Shape{Rows: rows, Cols: cols, DType: dtypeOf[T]()}, elements: make([]T, rows*cols)}
	for i := range s.elements {
		s.elements[i] = T(rnd.NormFloat64())
	}
	return s
}

func (s *memorySource[T]) Shape() matrix.Shape { return s.shape }

func (s *memorySource[T]) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	size := int64(s.shape.DType.Size())
	for i := range r.Rows {
		from := (r.Row+i)*s.shape.Cols + r.Col
		copy(dst[i*r.Cols*size:(i+1)*r.Cols*size], matrix.AsBytes(s.elements[from:from+r.Cols]))
	}
	return ctx.Err()
}

// dtypeOf returns the DType whose elements are T.
func dtypeOf[T matrix.Float]() matrix.DType {
	if matrix.UnitRoundoff[T]() == 0x1p-24 {
		return matrix.Float32
	}
	return matrix.Float64
}

// hookedSource is a Source that calls hook before each read; an error of hook is that of the read.
type hookedSource struct {
	matrix.Source
	hook func(ctx context.Context) error
}

func (s hookedSource) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	if err := s.hook(ctx); err != nil {
		return err
	}
	return s.Source.ReadRect(ctx, r, dst)
}

// hookedKernel is a Kernel that calls hook after each multiplication of float64 matrices.
type hookedKernel struct {
	blas.Kernel
	hook func(m, n int, c []float64, ldc int)
}

func (k hookedKernel) Dgemm(m, n, depth int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, add bool) {
	k.Kernel.Dgemm(m, n, depth, a, lda, b, ldb, c, ldc, add)
	k.hook(m, n, c, ldc)
}

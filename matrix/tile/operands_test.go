package tile

import (
	"context"
	"math/rand/v2"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// testMatrix is a Source of elements in memory that a test can look at.
type testMatrix[T matrix.Float] struct {
	matrix.Source
	elements []T
}

func newTestMatrix[T matrix.Float](rows, cols int64, elements []T) testMatrix[T] {
	shape := matrix.Shape{
		Rows:  rows,
		Cols:  cols,
		DType: matrix.DTypeOf[T](),
	}
	return testMatrix[T]{Source: matrix.NewMemory(shape, matrix.AsBytes(elements)), elements: elements}
}

// randomMatrix returns a matrix of normally distributed elements.
func randomMatrix[T matrix.Float](rnd *rand.Rand, rows, cols int64) testMatrix[T] {
	elements := make([]T, rows*cols)
	for i := range elements {
		elements[i] = T(rnd.NormFloat64())
	}
	return newTestMatrix(rows, cols, elements)
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

package blas

import (
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas/internal/gemm"
	"github.com/millrace/millrace/matrix/internal/sums"
)

// Sums are the sums of the operands that a check needs.
type Sums = gemm.Sums

// GemmWithSums is Gemm, and takes sums for a check. A built-in Kernel with assembly takes them while it packs, so that
// they cost next to nothing; for any other they are taken before.
func GemmWithSums[T matrix.Float](
	kernel Kernel, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, accumulate bool, s *Sums,
) {
	if own, ok := kernel.(builtin); ok {
		builtinGemm(precisionOf[T](own.level), m, n, k, a, lda, b, ldb, c, ldc, accumulate, s)
		return
	}
	checkGemm(m, n, k, lda, ldb, ldc, len(a), len(b), len(c))
	if m > 0 && n > 0 && k > 0 {
		s.Add(sums.Of(a, lda, m, k), sums.Of(b, ldb, k, n))
	}
	Gemm(kernel, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// precisionOf returns what multiplies elements of T.
func precisionOf[T matrix.Float](l *gemm.Level) *gemm.Precision {
	if matrix.DTypeOf[T]() == matrix.Float32 {
		return l.Float32
	}
	return l.Float64
}

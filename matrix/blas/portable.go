package blas

import (
	"sync"

	gonumblas "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/millrace/millrace/matrix"
)

// The sides of the piece of B that the portable kernel multiplies all rows of A with. The piece has 128 KiB in float64,
// which stays in any second-level cache. A depth of 256 is long enough to amortize the start and the end of each inner
// product.
const (
	packDepth = 256
	packWidth = 64
)

// portable is the built-in Kernel for CPUs without assembly of our own. It calls gonum's matrix-vector product, not
// its Dgemm, which
//
//   - starts goroutines for all but small matrices,
//   - skips zeros of A, so that 0·NaN is lost,
//   - is two to three times slower than Dgemv, whose assembly uses each element of x for four rows of the matrix.
type portable struct {
	gonum   gonum.Implementation
	packs64 sync.Pool // of *[]float64
	packs32 sync.Pool // of *[]float32
}

func newPortable() *portable {
	k := &portable{}
	k.packs64.New = func() any { return newPack[float64]() }
	k.packs32.New = func() any { return newPack[float32]() }
	return k
}

func newPack[T matrix.Float]() *[]T {
	pack := make([]T, packDepth*packWidth)
	return &pack
}

// Name implements Kernel.
func (k *portable) Name() string { return k.description().String() }

// Dgemm implements Kernel.
func (k *portable) Dgemm(m, n, depth int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, add bool) {
	checkGemm(m, n, depth, lda, ldb, ldc, len(a), len(b), len(c))
	pack := k.packs64.Get().(*[]float64)
	defer k.packs64.Put(pack)
	gemmByRows(k.gonum.Dgemv, *pack, m, n, depth, a, lda, b, ldb, c, ldc, add)
}

// Sgemm implements Kernel.
func (k *portable) Sgemm(m, n, depth int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	checkGemm(m, n, depth, lda, ldb, ldc, len(a), len(b), len(c))
	pack := k.packs32.Get().(*[]float32)
	defer k.packs32.Put(pack)
	gemmByRows(k.gonum.Sgemv, *pack, m, n, depth, a, lda, b, ldb, c, ldc, add)
}

// gemv sets y = alpha·A·x + beta·y, or with Aᵀ in place of A, for a row-major m×n matrix A.
type gemv[T matrix.Float] func(
	t gonumblas.Transpose, m, n int, alpha T, a []T, lda int, x []T, incX int, beta T, y []T, incY int,
)

// gemmByRows multiplies in a loop over pieces of B. It transposes a piece into pack, then computes for each row of A a
// part of a row of C: cᵢᵀ += Bᵀ·aᵢᵀ, a matrix-vector product of contiguous operands.
func gemmByRows[T matrix.Float](
	mul gemv[T], pack []T, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, accumulate bool,
) {
	if m == 0 || n == 0 {
		return
	}
	if !accumulate {
		zero(m, n, c, ldc)
	}
	for j := 0; j < n; j += packWidth {
		width := min(packWidth, n-j)
		for l := 0; l < k; l += packDepth {
			depth := min(packDepth, k-l)
			packTransposed(pack, depth, width, b[l*ldb+j:], ldb)
			for i := range m {
				row := a[i*lda+l : i*lda+l+depth]
				mul(gonumblas.NoTrans, width, depth, 1, pack, depth, row, 1, 1, c[i*ldc+j:i*ldc+j+width], 1)
			}
		}
	}
}

// packTransposed writes the transpose of the rows×cols matrix b to dst, without gaps between rows.
func packTransposed[T matrix.Float](dst []T, rows, cols int, b []T, ldb int) {
	for l := range rows {
		for j, v := range b[l*ldb : l*ldb+cols] {
			dst[j*rows+l] = v
		}
	}
}

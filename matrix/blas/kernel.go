package blas

import (
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/matrix"
)

// Kernel multiplies matrices in memory. Matrices are row-major: element (i, j) of an r×c matrix x is x[i*ldx+j], and
// ldx ≥ c is its leading dimension.
//
// Both methods set C = A·B, or C += A·B if accumulate is true, for A of m×k, B of k×n and C of m×n elements:
//
//   - If accumulate is false, the previous content of C does not matter, and with k = 0 all elements of C become zero.
//   - NaN and Inf propagate according to the definition c[i,j] = Σ a[i,l]·b[l,j] and IEEE 754, so that 0·NaN and 0·Inf
//     are NaN. The order of the sum is not defined.
//   - Elements between the rows of C do not change.
//   - C must not overlap A or B.
//
// Negative dimensions, leading dimensions that are too small and slices that are too short panic with one of the
// messages below.
//
// A Kernel is safe for concurrent use. A call runs on one thread; to use more cores, make concurrent calls.
type Kernel interface {
	// Name returns the name of the implementation, for logs and metrics.
	Name() string
	// Dgemm multiplies float64 matrices.
	Dgemm(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool)
	// Sgemm multiplies float32 matrices.
	Sgemm(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool)
}

// The values that a Kernel panics with if its arguments are wrong.
const (
	panicNegative = "blas: m, n or k is negative"
	panicBadLdA   = "blas: lda is less than k or 1"
	panicBadLdB   = "blas: ldb is less than n or 1"
	panicBadLdC   = "blas: ldc is less than n or 1"
	panicShortA   = "blas: a is too short"
	panicShortB   = "blas: b is too short"
	panicShortC   = "blas: c is too short"
	panicTooLarge = "blas: a dimension or leading dimension is more than 2³¹-1"
)

// Gemm calls kernel.Dgemm for float64 and kernel.Sgemm for float32.
func Gemm[T matrix.Float](
	kernel Kernel, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, accumulate bool,
) {
	switch a := any(a).(type) {
	case []float64:
		kernel.Dgemm(m, n, k, a, lda, any(b).([]float64), ldb, any(c).([]float64), ldc, accumulate)
	case []float32:
		kernel.Sgemm(m, n, k, a, lda, any(b).([]float32), ldb, any(c).([]float32), ldc, accumulate)
	}
}

// Open returns the Kernel that name stands for:
//
//   - "builtin": the fastest built-in Kernel;
//   - "avx512", "avx2", "neon" or "gonum": that built-in Kernel, see Levels;
//   - anything else is a file, or a name that the system's loader finds: that BLAS library.
//
// A library must load, export dgemm_ and sgemm_, and multiply as Kernel requires. Libraries stay loaded until the
// process exits.
func Open(name string) (Kernel, error) {
	switch name {
	case "builtin":
		return Builtin(), nil
	case "avx512", "avx2", "neon", "gonum":
		if kernel := openLevel(name); kernel != nil {
			return kernel, nil
		}
		return nil, fmt.Errorf("open built-in kernel %q: this CPU cannot run it; it can run %s", name,
			strings.Join(Levels(), ", "))
	}
	kernel, err := openLibrary(name, true)
	if err != nil {
		return nil, fmt.Errorf("open BLAS library %q: %w; name a shared library that exports dgemm_ and sgemm_, "+
			"such as libopenblas.so.0, or \"builtin\" for the kernel that needs no library", name, err)
	}
	return kernel, nil
}

// checkGemm panics if the arguments of a call are wrong. The last three are the lengths of the slices.
func checkGemm(m, n, k, lda, ldb, ldc, lenA, lenB, lenC int) {
	switch {
	case m < 0 || n < 0 || k < 0:
		panic(panicNegative)
	case lda < max(1, k):
		panic(panicBadLdA)
	case ldb < max(1, n):
		panic(panicBadLdB)
	case ldc < max(1, n):
		panic(panicBadLdC)
	case max(m, lda, ldb, ldc) > math.MaxInt32:
		panic(panicTooLarge)
	case m == 0 || n == 0:
		return
	case lenC < (m-1)*ldc+n:
		panic(panicShortC)
	case k == 0:
		return
	case lenA < (m-1)*lda+k:
		panic(panicShortA)
	case lenB < (k-1)*ldb+n:
		panic(panicShortB)
	}
}

// zero sets an m×n matrix to zero. It does not change the elements between its rows.
func zero[T matrix.Float](m, n int, c []T, ldc int) {
	if ldc == n {
		clear(c[:m*n])
		return
	}
	for i := range m {
		clear(c[i*ldc : i*ldc+n])
	}
}

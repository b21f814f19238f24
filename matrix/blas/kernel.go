package blas

import (
	"fmt"
	"math"

	"github.com/millrace/millrace/matrix"
)

// Kernel multiplies matrices that are in memory. All matrices are row-major: element (i, j) of an r×c matrix x is
// x[i*ldx+j], and ldx ≥ c is its leading dimension.
//
// Both methods set C = A·B, or C += A·B where accumulate is true, for A of m×k, B of k×n and C of m×n elements; what C
// held before does not matter unless accumulate is true. With k = 0 the product is all zeros. NaN and Inf propagate as
// the definition c[i,j] = Σ a[i,l]·b[l,j] and IEEE 754 say, so 0·NaN and 0·Inf are NaN; the order of the sum is not
// defined. What lies between the rows of C is left alone. C must not overlap A or B.
//
// Negative dimensions, leading dimensions that are too small and slices that are too short panic with one of the
// messages below.
//
// A Kernel is safe for concurrent use, and a call runs on one thread: whoever wants more cores makes more calls.
type Kernel interface {
	// Name says which implementation this is, for people.
	Name() string
	// Dgemm multiplies float64 matrices.
	Dgemm(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool)
	// Sgemm multiplies float32 matrices.
	Sgemm(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool)
}

// What a Kernel panics with when it is called wrongly.
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

// Gemm calls kernel.Dgemm or kernel.Sgemm, whichever T asks for.
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

// Open returns the Kernel that path names: a BLAS library (a file, or a name that the system's loader finds), or
// "builtin" or "gonum" for the one that is always there. For the empty path it looks for a BLAS library in the usual
// places and returns the built-in Kernel if there is none.
//
// A library that does not load, lacks the symbols dgemm_ and sgemm_, or does not multiply as Kernel asks is an error if
// path names it, and is passed over otherwise. Libraries stay loaded for the life of the process.
func Open(path string) (Kernel, error) {
	switch path {
	case "builtin", "gonum":
		return Builtin(), nil
	case "":
		for _, name := range usualLibraries() {
			if kernel, err := openLibrary(name); err == nil {
				return kernel, nil
			}
		}
		return Builtin(), nil
	}
	kernel, err := openLibrary(path)
	if err != nil {
		return nil, fmt.Errorf("open BLAS library %q: %w; name a shared library that exports dgemm_ and sgemm_, such as "+
			"libopenblas.so.0, or \"builtin\" for the one that needs no library", path, err)
	}
	return kernel, nil
}

// IsBuiltin reports whether kernel is the built-in one, which a BLAS library outpaces by far.
func IsBuiltin(kernel Kernel) bool {
	_, ok := kernel.(*builtin)
	return ok
}

// checkGemm panics if a call with these arguments is wrong. The last three are the lengths of the slices.
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

// zero sets an m×n matrix to zero and leaves alone what lies between its rows.
func zero[T matrix.Float](m, n int, c []T, ldc int) {
	if ldc == n {
		clear(c[:m*n])
		return
	}
	for i := range m {
		clear(c[i*ldc : i*ldc+n])
	}
}

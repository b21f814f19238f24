package tile

import (
	"context"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// testKernels returns the built-in Kernel and the libraries of this machine.
func testKernels(t testing.TB) []blas.Kernel {
	t.Helper()
	libraries, _ := blas.Libraries()
	if len(libraries) == 0 {
		t.Log("no BLAS library is installed: only the built-in kernel is tested")
	}
	return append([]blas.Kernel{blas.Builtin()}, libraries...)
}

// forKernels runs test once for every Kernel and element type.
func forKernels(t *testing.T, test64, test32 func(t *testing.T, kernel blas.Kernel)) {
	t.Helper()
	for _, kernel := range testKernels(t) {
		t.Run(kernel.Name()+"/float64", func(t *testing.T) { t.Parallel(); test64(t, kernel) })
		t.Run(kernel.Name()+"/float32", func(t *testing.T) { t.Parallel(); test32(t, kernel) })
	}
}

// mustRead reads a rectangle of s, and fails the test if it cannot.
func mustRead(t testing.TB, s matrix.Source, r matrix.Rect, dst []byte) {
	t.Helper()
	if err := s.ReadRect(context.Background(), r, dst); err != nil {
		t.Fatal(err)
	}
}

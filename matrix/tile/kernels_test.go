package tile

import (
	"context"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// testKernels returns the built-in Kernel and the library that blas.Open finds on this machine, if there is one.
func testKernels(t testing.TB) []blas.Kernel {
	t.Helper()
	kernel, err := blas.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if blas.IsBuiltin(kernel) {
		t.Log("no BLAS library is installed: only the built-in kernel is tested")
		return []blas.Kernel{kernel}
	}
	return []blas.Kernel{blas.Builtin(), kernel}
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

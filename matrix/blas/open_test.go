package blas

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	if kernel, err := Open("builtin"); err != nil || kernel != Builtin() {
		t.Errorf("Open(%q) = %v, %v, want the fastest built-in kernel", "builtin", kernel, err)
	}
	notALibrary := filepath.Join(t.TempDir(), "libopenblas.so.0")
	if err := os.WriteFile(notALibrary, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/nonexistent/libblas.so", notALibrary, "libc.so.6"} {
		kernel, err := Open(path)
		if err == nil {
			t.Fatalf("Open(%q) = %v, want an error", path, kernel)
		}
		if kernel != nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "builtin") {
			t.Errorf("Open(%q) = %v, %v, want an error that names the path and \"builtin\"", path, kernel, err)
		}
	}
	for _, kernel := range testKernels(t) {
		t.Logf("%s, built in: %t", kernel.Name(), IsBuiltin(kernel))
	}
}

// skipsZeros multiplies as old reference BLAS do. A probe must detect it.
type skipsZeros struct{ Kernel }

func (s skipsZeros) Dgemm(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, add bool) {
	for i := range m {
		for l := range k {
			if a[i*lda+l] != 0 {
				s.Kernel.Dgemm(1, n, 1, a[i*lda+l:], 1, b[l*ldb:], ldb, c[i*ldc:], ldc, add || l > 0)
			}
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	for _, kernel := range testKernels(t) {
		if err := probe(kernel); err != nil {
			t.Errorf("probe(%s) = %v, want no error", kernel.Name(), err)
		}
	}
	if err := probe(skipsZeros{Builtin()}); err == nil || !strings.Contains(err.Error(), "dgemm_") {
		t.Errorf("probe of a kernel that skips zeros = %v, want an error of dgemm_", err)
	}
}

// TestOpenLevels: each built-in kernel can be forced, and only those that the CPU can run.
func TestOpenLevels(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"avx512", "avx2", "neon", "gonum"} {
		kernel, err := Open(name)
		if !slices.Contains(Levels(), name) {
			if err == nil || !strings.Contains(err.Error(), "gonum") {
				t.Errorf("Open(%q) = %v, %v, want an error that names what this CPU can run", name, kernel, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ToLower(strings.ReplaceAll(kernel.Name(), "-", "")); !strings.Contains(got, name) {
			t.Errorf("Open(%q) is named %q, want a name with %s in it", name, kernel.Name(), name)
		}
		if !IsBuiltin(kernel) || IsPortable(kernel) != (name == "gonum") {
			t.Errorf("%s: built in %t, portable %t, want true, and true only of gonum",
				name, IsBuiltin(kernel), IsPortable(kernel))
		}
	}
}

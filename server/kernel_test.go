package server_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestBrokenLibraryIsAWarning: a worker whose BLAS library is broken says so, and computes with the built-in kernel.
func TestBrokenLibraryIsAWarning(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the loader's search path is set as on Linux")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "libopenblas.so.0"), []byte("truncated"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, env, _ := deploy(t)
	p := start(t, append(env, "LD_LIBRARY_PATH="+dir), "worker", "--ops-addr=127.0.0.1:0")
	warning := p.logged(`level=WARN msg="a BLAS library is installed and cannot be used" error="(.*)"\n`)
	if !strings.Contains(warning, "libopenblas.so.0") {
		t.Errorf("warning %q, want one that names the library", warning)
	}
	p.logged(`msg=arithmetic kernel=(built-in) .* gflops=\d`)
}

// TestForcedKernelIsTold: the log tells the kernel that --blas names, and its rate; no other is measured.
func TestForcedKernelIsTold(t *testing.T) {
	t.Parallel()
	_, env, _ := deploy(t)
	p := start(t, env, "worker", "--ops-addr=127.0.0.1:0", "--blas=gonum")
	if got := p.logged(`msg=arithmetic kernel=built-in version=\S+ core=gonum .* gflops=[\d.]+ measured="(.*)"`); strings.Contains(got, ",") {
		t.Errorf("measured %q, want the kernel that was named", got)
	}
}

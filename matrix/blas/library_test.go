//go:build (darwin || linux) && (amd64 || arm64 || ppc64le || riscv64)

package blas

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// inChild runs child in a process of its own, in which no library is loaded yet, with env added to its environment.
func inChild(t *testing.T, env []string, child func(t *testing.T)) {
	t.Helper()
	const variable = "MILLRACE_TEST_CHILD"
	if os.Getenv(variable) == t.Name() {
		child(t)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$", "-test.v")
	mine := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "OPENBLAS_") })
	cmd.Env = append(append(mine, variable+"="+t.Name()), env...)
	output, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, output)
	case strings.Contains(string(output), "--- SKIP"):
		t.Skipf("%s", output)
	case !strings.Contains(string(output), "--- PASS"):
		t.Errorf("the child has not run:\n%s", output)
	}
}

// someOpenBLAS skips the test unless there is an OpenBLAS, which it loads, and returns it.
func someOpenBLAS(t *testing.T) *library {
	t.Helper()
	libraries, _ := Libraries()
	for _, kernel := range libraries {
		if Describe(kernel).Kernel == "OpenBLAS" {
			return kernel.(*library)
		}
	}
	t.Skip("no OpenBLAS is installed")
	return nil
}

// TestEnvironmentReachesLibraries: a library is loaded with the environment that makes it behave.
func TestEnvironmentReachesLibraries(t *testing.T) {
	t.Parallel()
	inChild(t, nil, func(t *testing.T) {
		_, _ = Libraries()
		c, err := libc()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.getenv("OPENBLAS_NUM_THREADS"); got != "1" {
			t.Errorf("C code sees OPENBLAS_NUM_THREADS=%q, want 1", got)
		}
		if got := c.getenv(coreType); got != "" {
			t.Errorf("C code sees %s=%q after the libraries are loaded, want nothing", coreType, got)
		}
	})
}

// TestUserEnvironmentWins: what the user has set is not changed.
func TestUserEnvironmentWins(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the names of the CPUs are those of amd64")
	}
	inChild(t, []string{"OPENBLAS_NUM_THREADS=3", coreType + "=Nehalem"}, func(t *testing.T) {
		lib := someOpenBLAS(t)
		c, err := libc()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.getenv("OPENBLAS_NUM_THREADS"); got != "3" {
			t.Errorf("C code sees OPENBLAS_NUM_THREADS=%q, want 3", got)
		}
		if lib.about.Core != "Nehalem" {
			t.Errorf("OpenBLAS computes for %s, want Nehalem as the user has said", lib.about.Core)
		}
	})
}

// TestOpenBLASThatDoesNotKnowTheCPU: an OpenBLAS that falls back to the instructions that all CPUs have is loaded again,
// for a CPU that it knows. Here the environment of C code makes it fall back.
func TestOpenBLASThatDoesNotKnowTheCPU(t *testing.T) {
	t.Parallel()
	want := coreFor(Description{Kernel: "OpenBLAS", Core: "Prescott"}, false, Levels())
	if want == "" {
		t.Skip("this CPU has no AVX2")
	}
	inChild(t, nil, func(t *testing.T) {
		if err := setenv(coreType, "Prescott", true); err != nil {
			t.Fatal(err)
		}
		lib := someOpenBLAS(t)
		if lib.about.Core != want {
			t.Errorf("%s, want it to compute for %s", lib.Name(), want)
		}
		if err := probe(lib); err != nil {
			t.Error(err)
		}
	})
}

func TestCoreFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kernel, core string
		chosen       bool
		levels       string
		want         string
	}{
		{"OpenBLAS", "Prescott", false, "avx512 avx2 gonum", "SkylakeX"},
		{"OpenBLAS", "Prescott", false, "avx2 gonum", "Haswell"},
		{"OpenBLAS", "Sandybridge", false, "avx2 gonum", "Haswell"},
		{"OpenBLAS", "Prescott", true, "avx512 avx2 gonum", ""},
		{"OpenBLAS", "Prescott", false, "gonum", ""},
		{"OpenBLAS", "Zen", false, "avx512 avx2 gonum", ""},
		{"OpenBLAS", "SapphireRapids", false, "avx512 avx2 gonum", ""},
		{"OpenBLAS", "armv8", false, "neon gonum", ""},
		{"BLIS", "", false, "avx512 avx2 gonum", ""},
	} {
		d := Description{Kernel: tt.kernel, Core: tt.core}
		if got := coreFor(d, tt.chosen, strings.Fields(tt.levels)); got != tt.want {
			t.Errorf("%s that computes for %s, on a CPU with %s, chosen %t: %q, want %q",
				tt.kernel, tt.core, tt.levels, tt.chosen, got, tt.want)
		}
	}
}

// TestBrokenLibraries: what is not there is passed over, what is there and cannot be used is an error with its name, and
// neither keeps the others from being found.
func TestBrokenLibraries(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "libopenblas.so.0")
	if err := os.WriteFile(broken, []byte("this is no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := "libc.so.6" // a library, and not a BLAS
	if runtime.GOOS == "darwin" {
		wrong = "/usr/lib/libSystem.B.dylib"
	}
	names := []string{"/nonexistent/libblas.so", "libnonexistent-blas.so.3", broken, wrong}
	libraries, _ := Libraries()
	for _, lib := range libraries {
		names = append(names, lib.(*library).about.File, lib.(*library).about.File)
	}
	f := findLibraries(names)
	if len(f.unusable) != 2 {
		t.Fatalf("unusable: %v, want %s and %s", f.unusable, broken, wrong)
	}
	for i, name := range []string{broken, wrong} {
		if got := f.unusable[i].Error(); !strings.Contains(got, name) {
			t.Errorf("error %q, want one that names %s", got, name)
		}
	}
	if runtime.GOOS == "linux" && len(f.kernels) != len(libraries) {
		t.Errorf("found %d libraries, want %d, each once", len(f.kernels), len(libraries))
	}
}

// TestMissingOnAllThreads: a library that is missing is not reported, whatever threads look for others meanwhile. The
// loader has one text of an error for each thread.
func TestMissingOnAllThreads(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 200 {
				f := findLibraries([]string{fmt.Sprintf("libnonexistent-blas.so.%d", i*1000+j)})
				if len(f.unusable) > 0 {
					t.Errorf("unusable: %v, want none", f.unusable)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestIsMissing(t *testing.T) {
	t.Parallel()
	const name = "libopenblas.so.0"
	for text, want := range map[string]bool{
		// glibc
		"libopenblas.so.0: cannot open shared object file: No such file or directory": true,
		"libgfortran.so.5: cannot open shared object file: No such file or directory": false,
		"/usr/lib/libopenblas.so.0: invalid ELF header":                               false,
		"libopenblas.so.0: cannot open shared object file: Permission denied":         false,
		"libopenblas.so.0: cannot allocate memory in static TLS block":                false,
		"/usr/lib/libopenblas.so.0: version `GLIBC_2.34' not found (required by it)":  false,
		"libopenblas.so.0: undefined symbol: _gfortran_etime, version GFORTRAN_8":     false,
		// musl
		"Error loading shared library libopenblas.so.0: No such file or directory":                                       true,
		"Error loading shared library libgfortran.so.5: No such file or directory (needed by /usr/lib/libopenblas.so.0)": false,
		// macOS
		"dlopen(libopenblas.so.0, 0x0006): tried: '/usr/lib/libopenblas.so.0' (no such file)":                             true,
		"dlopen(libopenblas.so.0, 0x0006): Library not loaded: libgfortran.5.dylib\n  Reason: tried: '/x' (no such file)": false,
	} {
		if got := isMissing(name, loadError{errors.New(text)}); got != want {
			t.Errorf("isMissing of %q = %t, want %t", text, got, want)
		}
	}
	if isMissing(name, errors.New("libopenblas.so.0: no such file")) {
		t.Error("an error that is not the loader's means that the library is missing")
	}
}

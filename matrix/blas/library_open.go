//go:build (darwin || linux) && (amd64 || arm64 || ppc64le || riscv64)

package blas

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/ebitengine/purego"
)

// The functions that set a number of threads.
var (
	// processThreads are those that work on the whole process.
	processThreads = []string{"openblas_set_num_threads", "MKL_Set_Num_Threads", "BLASSetThreading"}
	// callingThread are those that work on the calling thread. OpenMP has one setting per thread, and an OpenBLAS with
	// OpenMP uses no other. In BLIS the setting belongs to the process or to the thread, depending on the version.
	callingThread = []string{"omp_set_num_threads", "bli_thread_set_num_threads"}
)

// usualLibraries returns the usual places of BLAS libraries. The reference BLAS, libblas.so.3, is not one of them: it
// is slower than any other. MKL comes last, because it must make its symbols known to what is loaded after it.
func usualLibraries() []string {
	if runtime.GOOS == "darwin" {
		return []string{
			"/opt/homebrew/opt/openblas/lib/libopenblas.dylib", // Homebrew, Apple silicon
			"/usr/local/opt/openblas/lib/libopenblas.dylib",    // Homebrew, Intel
			"/opt/local/lib/libopenblas.dylib",                 // MacPorts
			"libopenblas.dylib",
			"/System/Library/Frameworks/Accelerate.framework/Accelerate",
		}
	}
	return []string{
		// Debian, Ubuntu, Alpine and Arch; Fedora and its relatives, whose libopenblas has no threads and needs none
		// here.
		"libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so",
		"libarmpl_lp64.so", "libarmpl.so",
		"libblis.so.4", "libblis.so.3", "libblis.so",
		"libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so",
	}
}

// Libraries returns the BLAS libraries in the usual places, each once even if it has several names, and an error for
// each that is there but cannot be loaded or does not multiply as Kernel requires. The first call loads them.
func Libraries() ([]Kernel, []error) {
	found := librariesOnce()
	return found.kernels, found.unusable
}

type found struct {
	kernels  []Kernel
	unusable []error
}

var librariesOnce = sync.OnceValue(func() found { return findLibraries(usualLibraries()) })

func findLibraries(names []string) found {
	var f found
	known := map[uintptr]bool{}
	for _, name := range names {
		lib, err := openLibrary(name, strings.HasPrefix(name, "libmkl"))
		switch {
		case err == nil && !known[lib.dgemm]:
			known[lib.dgemm] = true
			f.kernels = append(f.kernels, lib)
		case err != nil && !isMissing(name, err):
			f.unusable = append(f.unusable, fmt.Errorf("BLAS library %s: %w", name, err))
		}
	}
	return f
}

// loadError is an error of the loader.
type loadError struct{ error }

// isMissing reports whether err says that there is no library of this name. The loader has only texts. They name the
// file that is missing: the library, or another that it needs, and in the latter case it is there but unusable.
func isMissing(name string, err error) bool {
	var load loadError
	if !errors.As(err, &load) {
		return false
	}
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "no such file") && strings.Contains(text, strings.ToLower(name)) &&
		!strings.Contains(text, "needed by") && !strings.Contains(text, "library not loaded")
}

// openLibrary loads a BLAS library, limits it to one thread per call, and probes it. A library that loads others, such
// as MKL, must be global: these must find its symbols. If several are loaded, the others must not be, or each would
// find the symbols of the first.
func openLibrary(path string, global bool) (*library, error) {
	// The loader keeps the text of its last error for each thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	prepareEnvironment()
	handle, err := load(path, global)
	if err != nil {
		return nil, err
	}
	about := describeLibrary(handle)
	if core := knownCore(about, userHasCoreType()); core != "" {
		if handle, err = reload(path, global, handle, core); err != nil {
			return nil, err
		}
		about = describeLibrary(handle)
	}
	about.File = filepath.Base(path)
	lib := &library{about: about}
	if lib.dgemm, err = purego.Dlsym(handle, "dgemm_"); err != nil {
		return nil, fmt.Errorf("find dgemm_: %w", err)
	}
	if lib.sgemm, err = purego.Dlsym(handle, "sgemm_"); err != nil {
		return nil, fmt.Errorf("find sgemm_: %w", err)
	}
	for _, name := range processThreads {
		if set, err := purego.Dlsym(handle, name); err == nil {
			purego.SyscallN(set, 1)
		}
	}
	for _, name := range callingThread {
		if set, err := purego.Dlsym(handle, name); err == nil {
			lib.perThread = append(lib.perThread, set)
		}
	}
	if err := probe(lib); err != nil {
		return nil, err
	}
	return lib, nil
}

func load(path string, global bool) (uintptr, error) {
	mode := purego.RTLD_NOW | purego.RTLD_LOCAL
	if global {
		mode = purego.RTLD_NOW | purego.RTLD_GLOBAL
	}
	handle, err := purego.Dlopen(path, mode)
	if err != nil {
		return 0, loadError{err}
	}
	return handle, nil
}

// reload loads an OpenBLAS again, for the CPU that core stands for. It reads its environment only when it is loaded.
func reload(path string, global bool, handle uintptr, core string) (uintptr, error) {
	if err := setenv(coreType, core, true); err != nil {
		return handle, nil // it works as it is, and slowly: the measurement decides
	}
	defer func() { _ = unsetenv(coreType) }() // other libraries may know the CPU
	if err := purego.Dlclose(handle); err != nil {
		return 0, loadError{err}
	}
	return load(path, global)
}

// describeLibrary returns what a library tells about itself.
func describeLibrary(handle uintptr) Description {
	if text := callForString(handle, "openblas_get_config"); text != "" {
		words := strings.Fields(text) // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
		d := Description{Kernel: words[0], Core: callForString(handle, "openblas_get_corename")}
		if len(words) > 1 {
			d.Version = words[1]
		}
		return d
	}
	if text := callForString(handle, "bli_info_get_version_str"); text != "" {
		return Description{Kernel: "BLIS", Version: text}
	}
	for _, known := range []struct{ symbol, name string }{
		{"MKL_Set_Num_Threads", "MKL"},
		{"armplversion_", "Arm PL"},
		{"BLASSetThreading", "Accelerate"},
		{"nvblas_dgemm_", "NVBLAS"},
	} {
		if _, err := purego.Dlsym(handle, known.symbol); err == nil {
			return Description{Kernel: known.name}
		}
	}
	return Description{Kernel: "BLAS"}
}

// callForString calls a function without arguments that returns a C string. It returns the empty string if there is no
// such function.
func callForString(handle uintptr, symbol string) string {
	address, err := purego.Dlsym(handle, symbol)
	if err != nil {
		return ""
	}
	var get func() string
	purego.RegisterFunc(&get, address)
	return strings.TrimSpace(get())
}

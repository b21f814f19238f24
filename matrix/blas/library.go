//go:build (darwin || linux) && (amd64 || arm64 || ppc64le || riscv64)

package blas

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/millrace/millrace/matrix"
)

// library is a Kernel that calls a BLAS library, loaded at run time, through the Fortran interface. BLAS libraries have
// that one in common (netlib.org/blas): matrices are column-major and each argument is a pointer.
type library struct {
	name      string
	dgemm     uintptr
	sgemm     uintptr
	perThread []uintptr // functions to call with the argument 1 on the thread that is about to multiply
}

// The functions that set a number of threads.
var (
	// processThreads are those that work on the whole process.
	processThreads = []string{"openblas_set_num_threads", "MKL_Set_Num_Threads", "BLASSetThreading"}
	// callingThread are those that work on the calling thread. OpenMP has one setting per thread, and an OpenBLAS with
	// OpenMP uses no other. In BLIS the setting belongs to the process or to the thread, depending on the version.
	callingThread = []string{"omp_set_num_threads", "bli_thread_set_num_threads"}
)

// usualLibraries returns the usual places of BLAS libraries, those first that are the fastest on most machines. The
// reference BLAS, libblas.so.3, is not one of them: it is slower than the built-in kernel.
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
		"libmkl_rt.so.2", "libmkl_rt.so.1", "libmkl_rt.so",
		"libarmpl_lp64.so", "libarmpl.so",
		"libblis.so.4", "libblis.so.3", "libblis.so",
	}
}

// openLibrary loads a BLAS library, limits it to one thread per call, and probes it.
func openLibrary(path string) (Kernel, error) {
	// Libraries that load others, such as MKL, must find each other's symbols.
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, err
	}
	lib := &library{}
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
	lib.name = fmt.Sprintf("%s (%s)", libraryName(handle), filepath.Base(path))
	return lib, probe(lib)
}

// libraryName returns the name of a library and, if the library has a function for it, the version.
func libraryName(handle uintptr) string {
	for symbol, format := range map[string]string{"openblas_get_config": "%s", "bli_info_get_version_str": "BLIS %s"} {
		if address, err := purego.Dlsym(handle, symbol); err == nil {
			var get func() string
			purego.RegisterFunc(&get, address)
			return firstTwoWords(fmt.Sprintf(format, get()))
		}
	}
	for _, known := range []struct{ symbol, name string }{
		{"MKL_Set_Num_Threads", "MKL"},
		{"armplversion_", "Arm PL"},
		{"BLASSetThreading", "Accelerate"},
		{"nvblas_dgemm_", "NVBLAS"},
	} {
		if _, err := purego.Dlsym(handle, known.symbol); err == nil {
			return known.name
		}
	}
	return "BLAS"
}

// Name implements Kernel.
func (l *library) Name() string { return l.name }

// Dgemm implements Kernel.
func (l *library) Dgemm(
	m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool,
) {
	libraryGemm(l, l.dgemm, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// Sgemm implements Kernel.
func (l *library) Sgemm(
	m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool,
) {
	libraryGemm(l, l.sgemm, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// gemmArgs holds the arguments that Fortran takes pointers to. A library whose integers have 32 bits reads the lower
// half of these, which comes first on the little-endian platforms of this file, so that both kinds of library work.
type gemmArgs[T matrix.Float] struct {
	m, n, k, lda, ldb, ldc int64
	one                    T
	trans                  byte
}

// libraryGemm multiplies by a call of fn, which has the interface of xGEMM in the reference BLAS. A row-major matrix is
// its transpose in column-major order, so that Cᵀ = Bᵀ·Aᵀ is computed without transposing anything.
//
// C is set to zero here and not by beta = 0: the cost is the same, and with beta = 0 some libraries propagate a NaN
// that was in C.
func libraryGemm[T matrix.Float](
	l *library, fn uintptr, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, accumulate bool,
) {
	checkGemm(m, n, k, lda, ldb, ldc, len(a), len(b), len(c))
	if m == 0 || n == 0 {
		return
	}
	if !accumulate {
		zero(m, n, c, ldc)
	}
	if k == 0 {
		return
	}
	if len(l.perThread) > 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for _, set := range l.perThread {
			purego.SyscallN(set, 1)
		}
	}
	p := &gemmArgs[T]{
		m:     int64(m),
		n:     int64(n),
		k:     int64(k),
		lda:   int64(lda),
		ldb:   int64(ldb),
		ldc:   int64(ldc),
		one:   1,
		trans: 'N',
	}
	trans := unsafe.Pointer(&p.trans)
	one := unsafe.Pointer(&p.one)
	purego.SyscallN(fn, uintptr(trans), uintptr(trans),
		uintptr(unsafe.Pointer(&p.n)), uintptr(unsafe.Pointer(&p.m)), uintptr(unsafe.Pointer(&p.k)), uintptr(one),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&p.ldb)),
		uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(&p.lda)), uintptr(one),
		uintptr(unsafe.Pointer(unsafe.SliceData(c))), uintptr(unsafe.Pointer(&p.ldc)),
		1, 1) // Fortran compilers append the lengths of the character arguments.
	runtime.KeepAlive(p)
}

// firstTwoWords shortens "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …" to name and version.
func firstTwoWords(s string) string {
	words := strings.Fields(s)
	return strings.Join(words[:min(2, len(words))], " ")
}

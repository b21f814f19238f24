//go:build (darwin || linux) && (amd64 || arm64 || ppc64le || riscv64)

package blas

import (
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/millrace/millrace/matrix"
)

// library is a Kernel that calls a BLAS library, loaded at run time, through the Fortran interface. BLAS libraries have
// that one in common (netlib.org/blas): matrices are column-major and each argument is a pointer.
type library struct {
	about     Description
	dgemm     uintptr
	sgemm     uintptr
	perThread []uintptr // functions to call with the argument 1 on the thread that is about to multiply
}

// Name implements Kernel.
func (l *library) Name() string { return l.about.String() }

func (l *library) description() Description { return l.about }

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

package blas

import (
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas/internal/gemm"
)

// RowUnit says how the rows of a product may be divided among calls of a built-in Kernel without a change of its bits:
// in calls of at least 4·RowUnit rows, all but the last of which are multiples of RowUnit.
const RowUnit = gemm.RowUnit

// levels are the built-in Kernels of this CPU with the names that Open knows, the fastest first. The portable one is
// last.
var levels = sync.OnceValue(func() []level {
	var all []level
	for _, l := range gemm.Levels() {
		all = append(all, level{strings.ToLower(strings.ReplaceAll(l.Name, "-", "")), builtin{l}})
	}
	return append(all, level{"gonum", newPortable()})
})

type level struct {
	name   string
	kernel Kernel
}

// Levels returns the names of the built-in Kernels that this CPU can run, the fastest first: "avx512", "avx2" or
// "neon", and "gonum", which has no assembly of our own and runs everywhere. Open takes each of them.
func Levels() []string {
	var names []string
	for _, l := range levels() {
		names = append(names, l.name)
	}
	return names
}

// Builtin returns the fastest Kernel that needs no library.
func Builtin() Kernel { return levels()[0].kernel }

// IsBuiltin reports whether kernel needs no library.
func IsBuiltin(kernel Kernel) bool {
	_, ok := kernel.(builtin)
	return ok || IsPortable(kernel)
}

// IsPortable reports whether kernel is the built-in one for CPUs without assembly of our own, which is much slower
// than a BLAS library that knows the CPU.
func IsPortable(kernel Kernel) bool {
	_, ok := kernel.(*portable)
	return ok
}

// openLevel returns the built-in Kernel with this name, or nil.
func openLevel(name string) Kernel {
	i := slices.IndexFunc(levels(), func(l level) bool { return l.name == name })
	if i < 0 {
		return nil
	}
	return levels()[i].kernel
}

// builtin is a built-in Kernel with assembly.
type builtin struct{ level *gemm.Level }

// Name implements Kernel.
func (k builtin) Name() string { return k.description().String() }

// Dgemm implements Kernel.
func (k builtin) Dgemm(m, n, depth int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, add bool) {
	builtinGemm(k.level.Float64, m, n, depth, a, lda, b, ldb, c, ldc, add, nil)
}

// Sgemm implements Kernel.
func (k builtin) Sgemm(m, n, depth int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, add bool) {
	builtinGemm(k.level.Float32, m, n, depth, a, lda, b, ldb, c, ldc, add, nil)
}

func builtinGemm[T matrix.Float](
	p *gemm.Precision, m, n, k int, a []T, lda int, b []T, ldb int, c []T, ldc int, accumulate bool, s *gemm.Sums,
) {
	checkGemm(m, n, k, lda, ldb, ldc, len(a), len(b), len(c))
	switch {
	case m == 0 || n == 0:
	case k > 0:
		p.Multiply(m, n, k, unsafe.Pointer(unsafe.SliceData(a)), lda, unsafe.Pointer(unsafe.SliceData(b)), ldb,
			unsafe.Pointer(unsafe.SliceData(c)), ldc, accumulate, s)
	case !accumulate:
		zero(m, n, c, ldc)
	}
}

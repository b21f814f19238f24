package gemm

import (
	"sync"
	"unsafe"

	"github.com/millrace/millrace/matrix/internal/sums"
)

// Precision multiplies matrices of one type of elements with one instruction set.
type Precision struct {
	size    int        // of an element, in bytes
	lanes   int        // elements in a vector
	rows    int        // of the tile of the packed kernel
	vectors int        // in a row of that tile
	masks   []laneMask // by lanes
	*assembly
	blocking
	workspaces sync.Pool // of *workspace
}

// assembly are the functions of an instruction set for one type of elements. All but packed may be missing.
type assembly struct {
	packed func(t *tile)
	peak   func(t *tile)
	packA  func(t *tile)
	packB  func(t *tile)
	sumA   func(t *tile)     // packA and the sums of a check
	sumB   func(t *tile)     // packB and these sums
	direct [][]func(t *tile) // by rows and vectors
	dot    [][]func(t *tile) // by rows and columns
}

// newPrecision returns a Precision for elements of size bytes and vectors of width bytes. The tile of the packed kernel
// has the given numbers of rows and of vectors in a row.
func newPrecision(size, width, rows, vectors int, functions *assembly) *Precision {
	return &Precision{
		size:     size,
		lanes:    width / size,
		rows:     rows,
		vectors:  vectors,
		masks:    newLaneMasks(width/size, size),
		assembly: functions,
		blocking: newBlocking(detectCaches(), rows, vectors*width/size, size),
	}
}

// workspace is the memory of a call. The buffers are as large as the largest call needed that used them.
type workspace struct {
	tile tile
	a, b []byte
	// sums and bounds are four numbers for each row of a panel of B.
	sums, bounds []float64
	// padded is a tile of C of full size, for kernels that know no other.
	padded []byte
}

// grow returns a buffer of at least size bytes that begins at a cache line.
func grow(buffer *[]byte, size int) unsafe.Pointer {
	if len(*buffer) < size+line {
		*buffer = make([]byte, size+line)
	}
	start := unsafe.Pointer(unsafe.SliceData(*buffer))
	return unsafe.Add(start, -uintptr(start)&(line-1))
}

// product is a multiplication of matrices that are not empty. Distances are in bytes.
type product struct {
	m, n, k          int
	a, b, c          unsafe.Pointer
	aRow, bRow, cRow int
	accumulate       bool
	sums             *Sums // to take; nil for none
}

// Multiply sets C = A·B, or adds to C, for row-major matrices at a, b and c. None of m, n and k may be zero. It takes
// the sums of a check on the way, unless they are nil.
func (p *Precision) Multiply(
	m, n, k int, a unsafe.Pointer, lda int, b unsafe.Pointer, ldb int, c unsafe.Pointer, ldc int, accumulate bool,
	s *Sums,
) {
	w, _ := p.workspaces.Get().(*workspace)
	if w == nil {
		w = new(workspace)
	}
	g := product{
		m:          m,
		n:          n,
		k:          k,
		a:          a,
		b:          b,
		c:          c,
		aRow:       lda * p.size,
		bRow:       ldb * p.size,
		cRow:       ldc * p.size,
		accumulate: accumulate,
		sums:       s,
	}
	narrow := p.isNarrow(&g)
	direct := !narrow && p.isDirect(&g)
	if s != nil && (narrow || direct) {
		s.Add(p.matrix(a, lda, m, k), p.matrix(b, ldb, k, n))
	}
	switch {
	case narrow:
		p.multiplyNarrow(w, &g)
	case direct:
		p.multiplyDirect(w, &g)
	default:
		p.multiplyPacked(w, &g)
	}
	w.tile = tile{}
	p.workspaces.Put(w)
}

// matrix returns a matrix as package sums wants it.
func (p *Precision) matrix(x unsafe.Pointer, ld, rows, cols int) sums.Matrix {
	return sums.Matrix{
		X:    x,
		Row:  ld * p.size,
		Size: p.size,
		Rows: rows,
		Cols: cols,
	}
}

// Peak computes only, in registers, for a measurement of what the CPU can do at most. It returns the number of
// floating-point operations, or 0 if the level cannot tell.
func (p *Precision) Peak() float64 {
	if p.peak == nil {
		return 0
	}
	t := tile{k: 20000}
	p.peak(&t)
	return float64(t.k * p.rows * p.vectors * p.lanes * 2)
}

// ceilDiv returns x/y, rounded up.
func ceilDiv(x, y int) int { return (x + y - 1) / y }

// share returns the size of equal parts of total that are at most limit each and multiples of unit.
func share(total, limit, unit int) int {
	parts := ceilDiv(total, limit)
	return ceilDiv(ceilDiv(total, parts), unit) * unit
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

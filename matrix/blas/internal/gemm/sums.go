package gemm

import (
	"time"
	"unsafe"

	"github.com/millrace/millrace/matrix/internal/sums"
)

// Sums are the sums of the operands that a check of C = A·B needs. They are taken of blocks that are about to be packed,
// which are in the caches then or have to get there anyway.
type Sums struct {
	// Columns are the weights of the columns of B. Their sums by rows, B·R and |B|·W, weigh the columns of A.
	Columns sums.Weights
	// Sum and Bound are by rows of A: A·(B·R) is added to one, and |A|·(|B|·W) to the other.
	Sum, Bound []float64
	// Inner is called with each part of B·R and |B|·W before A is weighed with it, and may change it: the rows of B from
	// l on, of the columns from j to j+cols-1. At that time the sums of A and the columns of C agree: in both are the
	// terms of the rows of B above l, or nothing if l is 0.
	Inner func(l, j, cols int, inner sums.Weights)

	// Spent is how long it took; it is added to.
	Spent time.Duration

	memory []float64
}

// sumsColumns is the number of micro-panels of B that are summed at once, so that they are still in the second-level
// cache when they are packed.
const sumsColumns = 4

// inner returns zeros for the sums of k rows of B.
func (s *Sums) inner(k int) sums.Weights {
	if len(s.memory) < 2*k {
		s.memory = make([]float64, 2*k)
	}
	clear(s.memory[:2*k])
	return sums.Weights{R: s.memory[:k], W: s.memory[k : 2*k]}
}

// columns returns the weights of some columns.
func (s *Sums) columns(j, cols int) sums.Weights {
	return sums.Weights{R: s.Columns.R[j : j+cols], W: s.Columns.W[j : j+cols]}
}

// Add takes all sums at once, of operands that nothing packs: a is m×k, b is k×n.
func (s *Sums) Add(a, b sums.Matrix) {
	defer s.took(time.Now())
	inner := s.inner(b.Rows)
	b.Add(s.columns(0, b.Cols), inner.R, inner.W)
	s.Inner(0, 0, b.Cols, inner)
	a.Add(inner, s.Sum, s.Bound)
}

// took adds the time since start to what was spent.
func (s *Sums) took(start time.Time) { s.Spent += time.Since(start) }

// packPanelsAndSum is packPanels for the rows of B from l on and the columns from j on, and returns their sums if there
// are any to take.
func (p *Precision) packPanelsAndSum(t *tile, dst unsafe.Pointer, g *product, l, j, k, cols int) (inner sums.Weights) {
	src := unsafe.Add(g.b, l*g.bRow+j*p.size)
	if g.sums == nil {
		p.packPanels(t, dst, src, g.bRow, k, cols)
		return inner
	}
	inner = g.sums.inner(k)
	step := sumsColumns * p.vectors * p.lanes
	for c := 0; c < cols; c += step {
		part := sums.Matrix{
			X:    unsafe.Add(src, c*p.size),
			Row:  g.bRow,
			Size: p.size,
			Rows: k,
			Cols: min(step, cols-c),
		}
		start := time.Now()
		part.Add(g.sums.columns(j+c, part.Cols), inner.R, inner.W)
		g.sums.took(start)
		p.packPanels(t, unsafe.Add(dst, c*k*p.size), part.X, g.bRow, k, part.Cols)
	}
	g.sums.Inner(l, j, cols, inner)
	return inner
}

// sumBlock adds the sums of rows of A from i on, of the columns from l on, if there are any to take.
func (p *Precision) sumBlock(g *product, inner sums.Weights, i, l, rows, k int) {
	if g.sums == nil {
		return
	}
	start := time.Now()
	block := p.matrix(unsafe.Add(g.a, i*g.aRow+l*p.size), 0, rows, k)
	block.Row = g.aRow
	block.Add(inner, g.sums.Sum[i:], g.sums.Bound[i:])
	g.sums.took(start)
}

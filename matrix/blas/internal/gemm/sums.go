package gemm

import (
	"time"
	"unsafe"

	"github.com/millrace/millrace/matrix/internal/sums"
)

// Sums are the sums of the operands that a check of C = A·B needs. They are taken of the elements where the matrices
// are, as these are loaded to be packed.
type Sums struct {
	// Columns are the weights of the columns of B. Their sums by rows, B·R and |B|·W, weigh the columns of A.
	Columns sums.Weights
	// Sum and Bound are by rows of A: A·(B·R) is added to one, and |A|·(|B|·W) to the other.
	Sum, Bound []float64
	// Inner is called with each part of B·R and |B|·W before A is weighed with it, and may change it: the rows of B from
	// l on, of the columns from j to j+cols-1. At that time the sums of A and the columns of C agree: in both are the
	// terms of the rows of B above l, or nothing if l is 0.
	Inner func(l, j, cols int, inner sums.Weights)

	// Spent is how long it took where nothing is packed; it is added to.
	Spent time.Duration

	memory []float64
}

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
func (p *Precision) packPanelsAndSum(w *workspace, dst unsafe.Pointer, g *product, l, j, k, cols int) sums.Weights {
	src := unsafe.Add(g.b, l*g.bRow+j*p.size)
	if g.sums == nil {
		p.packPanels(&w.tile, dst, src, g.bRow, k, cols)
		return sums.Weights{}
	}
	inner := g.sums.inner(k)
	width := p.vectors * p.lanes
	whole := 0
	if p.sumB != nil {
		whole = cols / width * width
	}
	if whole > 0 {
		p.sumPanels(w, dst, g, l, j, k, whole, inner)
	}
	if rest := cols - whole; rest > 0 {
		part := p.matrix(unsafe.Add(src, whole*p.size), 0, k, rest)
		part.Row = g.bRow
		part.Add(g.sums.columns(j+whole, rest), inner.R, inner.W)
		p.packPanels(&w.tile, unsafe.Add(dst, whole*k*p.size), part.X, g.bRow, k, rest)
	}
	g.sums.Inner(l, j, cols, inner)
	return inner
}

// sumPanels packs whole micro-panels of B, and adds their sums to inner.
func (p *Precision) sumPanels(w *workspace, dst unsafe.Pointer, g *product, l, j, k, cols int, inner sums.Weights) {
	const lanes = 4 // of what sumB adds to
	if len(w.sums) < k*lanes {
		w.sums, w.bounds = make([]float64, k*lanes), make([]float64, k*lanes)
	}
	clear(w.sums[:k*lanes])
	clear(w.bounds[:k*lanes])
	width := p.vectors * p.lanes
	t := &w.tile
	t.k = k
	t.aRow = g.bRow
	t.sums = unsafe.Pointer(&w.sums[0])
	t.bounds = unsafe.Pointer(&w.bounds[0])
	for c := 0; c < cols; c += width {
		t.a = unsafe.Add(g.b, l*g.bRow+(j+c)*p.size)
		t.c = unsafe.Add(dst, c*k*p.size)
		t.r = unsafe.Pointer(&g.sums.Columns.R[j+c])
		t.w = unsafe.Pointer(&g.sums.Columns.W[j+c])
		p.sumB(t)
	}
	for i := range k {
		var sum, bound float64
		for lane := i * lanes; lane < (i+1)*lanes; lane++ {
			sum += w.sums[lane]
			bound += w.bounds[lane]
		}
		inner.R[i] += sum
		inner.W[i] += bound
	}
}

// packBlockAndSum is packBlock for rows of A from i on and columns from l on, and adds their sums if there are any to
// take.
func (p *Precision) packBlockAndSum(t *tile, dst unsafe.Pointer, g *product, inner sums.Weights, i, l, rows, k int) {
	whole, blocks := 0, k/blockK
	src := unsafe.Add(g.a, i*g.aRow+l*p.size)
	if g.sums != nil {
		if p.sumA != nil && blocks > 0 {
			whole = rows / p.rows * p.rows
		}
		// What sumA leaves out: rows below whole micro-panels, and columns to the right of whole blocks.
		p.sumPart(g, inner, i+whole, l, 0, rows-whole, k)
		if whole > 0 {
			p.sumPart(g, inner, i, l, blocks*blockK, whole, k-blocks*blockK)
		}
	}
	panel := ceilDiv(k, blockK) * blockK * p.size // of each row
	for r := 0; r < whole; r += p.rows {
		t.k = blocks
		t.aRow = g.aRow
		t.aNext = p.rows * g.aRow
		t.a = unsafe.Add(src, r*g.aRow)
		t.c = unsafe.Add(dst, r*panel)
		t.r = unsafe.Pointer(&inner.R[0])
		t.w = unsafe.Pointer(&inner.W[0])
		t.sums = unsafe.Pointer(&g.sums.Sum[i+r])
		t.bounds = unsafe.Pointer(&g.sums.Bound[i+r])
		p.sumA(t)
		p.packRest(t.a, t.c, g.aRow, p.rows, k)
	}
	if whole < rows {
		p.packBlock(t, unsafe.Add(dst, whole*panel), unsafe.Add(src, whole*g.aRow), g.aRow, rows-whole, k)
	}
}

// sumPart adds the sums of a part of A to those of its rows: rows from i on, and columns from l+from on, whose weights
// are those of inner from there on.
func (p *Precision) sumPart(g *product, inner sums.Weights, i, l, from, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	part := p.matrix(unsafe.Add(g.a, i*g.aRow+(l+from)*p.size), 0, rows, cols)
	part.Row = g.aRow
	part.Add(sums.Weights{R: inner.R[from:], W: inner.W[from:]}, g.sums.Sum[i:], g.sums.Bound[i:])
}

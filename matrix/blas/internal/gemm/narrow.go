package gemm

import "unsafe"

// Bounds of one call of a dot kernel: elements of a row of A, and of all its rows.
const (
	dotK        = 4096
	dotElements = 1 << 15
)

// RowUnit and MinRows say how the rows of a product may be divided among calls without a change of its bits: in calls
// of multiples of RowUnit rows, but for the last, of which each has at least MinRows rows. Sums in rows that are left
// over are in another order than those of whole units, and so are those of products with few rows.
const (
	RowUnit = 4
	MinRows = 16
)

// isNarrow reports whether g has so few columns that vectors along k are better than vectors along the rows of B,
// although B must be transposed for them.
func (p *Precision) isNarrow(g *product) bool {
	if p.dot == nil || g.k < 2*p.lanes || g.n > (5*p.lanes+7)/8 {
		return false
	}
	return g.n == 1 && g.bRow == p.size || g.m >= MinRows
}

// multiplyNarrow multiplies by inner products of rows of A and columns of B.
func (p *Precision) multiplyNarrow(w *workspace, g *product) {
	t := &w.tile
	t.aRow = g.aRow
	t.cRow = g.cRow
	t.accumulate = toInt(g.accumulate)
	for l := 0; l < g.k; l += dotK {
		k := min(dotK, g.k-l)
		t.k = ceilDiv(k, p.lanes)
		t.mask = &p.masks[k-(t.k-1)*p.lanes]
		b := unsafe.Add(g.b, l*g.bRow)
		t.bRow = k * p.size
		if g.bRow > p.size {
			packed := grow(&w.b, g.n*k*p.size)
			p.transpose(packed, b, g.bRow, k, g.n)
			b = packed
		}
		for i := 0; i < g.m; {
			t.panels = max(1, min(g.m-i, dotElements/k)/4)
			rows := []int{1, 2, 2, 4}[min(3, g.m-i-1)]
			if rows < 4 {
				t.panels = 1
			}
			for j := 0; j < g.n; {
				columns := min(len(p.dot[rows])-1, []int{1, 2, 2, 4}[min(3, g.n-j-1)])
				t.a = unsafe.Add(g.a, i*g.aRow+l*p.size)
				t.b = unsafe.Add(b, j*t.bRow)
				t.c = unsafe.Add(g.c, i*g.cRow+j*p.size)
				p.dot[rows][columns](t)
				j += columns
			}
			i += rows * t.panels
		}
		t.accumulate = 1
	}
}

// transpose writes the transpose of k rows of B to dst, without gaps.
func (p *Precision) transpose(dst, src unsafe.Pointer, srcRow, k, n int) {
	for j := range n {
		from := unsafe.Add(src, j*p.size)
		if p.size == 8 {
			for l, to := 0, unsafe.Slice((*uint64)(unsafe.Add(dst, j*k*8)), k); l < k; l++ {
				to[l] = *(*uint64)(unsafe.Add(from, l*srcRow))
			}
			continue
		}
		for l, to := 0, unsafe.Slice((*uint32)(unsafe.Add(dst, j*k*4)), k); l < k; l++ {
			to[l] = *(*uint32)(unsafe.Add(from, l*srcRow))
		}
	}
}

package gemm

import "unsafe"

// multiplyPacked multiplies with packed operands: BLIS' five loops, of which the innermost is in the assembly.
func (p *Precision) multiplyPacked(w *workspace, g *product) {
	width := p.vectors * p.lanes
	depth := share(g.k, p.depth, blockK)
	height := share(g.m, p.height, p.rows)
	breadth := share(g.n, p.breadth*p.depth/depth/width*width, width)
	packedA := grow(&w.a, height*depth*p.size)
	packedB := grow(&w.b, breadth*depth*p.size)
	for j := 0; j < g.n; j += breadth {
		cols := min(breadth, g.n-j)
		for l := 0; l < g.k; l += depth {
			k := min(depth, g.k-l)
			inner := p.packPanelsAndSum(w, packedB, g, l, j, k, cols)
			for i := 0; i < g.m; i += height {
				block := product{
					m:          min(height, g.m-i),
					n:          cols,
					k:          k,
					a:          packedA,
					b:          packedB,
					c:          unsafe.Add(g.c, i*g.cRow+j*p.size),
					cRow:       g.cRow,
					accumulate: g.accumulate || l > 0,
				}
				p.packBlockAndSum(&w.tile, packedA, g, inner, i, l, block.m, k)
				p.multiplyBlock(w, &block)
			}
		}
	}
}

// maxCall is the number of multiply-adds of vectors in one call of the assembly, which cannot be interrupted: some 50
// µs.
const maxCall = 1 << 17

// multiplyBlock multiplies a packed block of A by a packed panel of B.
func (p *Precision) multiplyBlock(w *workspace, g *product) {
	t := &w.tile
	width := p.vectors * p.lanes
	aPanel := p.rows * ceilDiv(g.k, blockK) * blockK * p.size
	t.k = g.k
	t.cRow = g.cRow
	t.accumulate = toInt(g.accumulate)
	for j := 0; j < g.n; j += width {
		t.b = unsafe.Add(g.b, j*g.k*p.size)
		if g.n-j < width {
			p.multiplyEdge(w, g, 0, j, g.n-j)
			return
		}
		whole := g.m / p.rows
		for done := 0; done < whole; done += t.panels {
			t.a = unsafe.Add(g.a, done*aPanel)
			t.aNext = aPanel
			t.c = unsafe.Add(g.c, done*p.rows*g.cRow+j*p.size)
			t.panels = min(whole-done, max(1, maxCall/(g.k*p.rows*p.vectors)))
			p.packed(t)
		}
		if whole*p.rows < g.m {
			p.multiplyEdge(w, g, whole*p.rows, j, width)
		}
	}
}

// multiplyEdge multiplies tiles of packed operands from a row of the block on: those that the packed kernel cannot,
// since they have fewer columns or rows.
func (p *Precision) multiplyEdge(w *workspace, g *product, row, col, cols int) {
	t := &w.tile
	aPanel := p.rows * ceilDiv(g.k, blockK) * blockK * p.size
	if p.direct != nil {
		vectors := ceilDiv(cols, p.lanes)
		t.mask = &p.masks[cols-(vectors-1)*p.lanes]
		t.bRow = p.vectors * p.lanes * p.size
		t.aRow = blockK * p.size
		t.aNext = (p.rows - 1) * blockK * p.size
	}
	for i := row; i < g.m; i += p.rows {
		rows := min(p.rows, g.m-i)
		t.a = unsafe.Add(g.a, i/p.rows*aPanel)
		t.c = unsafe.Add(g.c, i*g.cRow+col*p.size)
		if p.direct != nil {
			p.direct[rows][ceilDiv(cols, p.lanes)](t)
		} else {
			p.multiplyPadded(w, rows, cols)
		}
	}
}

// multiplyPadded multiplies a tile that has fewer rows or columns than the packed kernel's, in a copy of full size.
// What lies in the padding of packed A and B does not matter: it reaches only the padding of the copy.
func (p *Precision) multiplyPadded(w *workspace, rows, cols int) {
	t := &w.tile
	width, size := p.vectors*p.lanes*p.size, cols*p.size
	padded := grow(&w.padded, p.rows*width)
	c, cRow := t.c, t.cRow
	if t.accumulate != 0 {
		for r := range rows {
			copyBytes(unsafe.Add(padded, r*width), unsafe.Add(c, r*cRow), size)
		}
	}
	t.c = padded
	t.cRow = width
	t.panels = 1
	p.packed(t)
	for r := range rows {
		copyBytes(unsafe.Add(c, r*cRow), unsafe.Add(padded, r*width), size)
	}
	t.c, t.cRow = c, cRow
}

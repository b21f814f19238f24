package gemm

import "unsafe"

// packBlock copies rows of k elements: a micro-panel for each p.rows rows, in it blocks of blockK elements of each row.
func (p *Precision) packBlock(t *tile, dst, src unsafe.Pointer, srcRow, rows, k int) {
	block := blockK * p.size
	panel := p.rows * ceilDiv(k, blockK) * block
	t.k = k / blockK
	t.aRow = srcRow
	t.aNext = p.rows * srcRow
	t.cRow = p.rows * block
	for i := 0; i < rows; i += p.rows {
		t.a = unsafe.Add(src, i*srcRow)
		t.c = unsafe.Add(dst, i/p.rows*panel)
		t.panels = min(p.rows, rows-i)
		switch {
		case t.k == 0:
		case p.packA != nil:
			p.packA(t)
		default:
			copyBlocks(t, block)
		}
		p.packRest(t.a, t.c, srcRow, t.panels, k)
	}
}

// packRest copies what follows the whole blocks of the rows of a micro-panel.
func (p *Precision) packRest(src, dst unsafe.Pointer, srcRow, rows, k int) {
	block, blocks := blockK*p.size, k/blockK
	if rest := k % blockK * p.size; rest > 0 {
		for r := range rows {
			copyBytes(unsafe.Add(dst, (blocks*p.rows+r)*block), unsafe.Add(src, r*srcRow+blocks*block), rest)
		}
	}
}

// copyBlocks does what packA does.
func copyBlocks(t *tile, size int) {
	for l := range t.k {
		for r := range t.panels {
			copyBytes(unsafe.Add(t.c, l*t.cRow+r*size), unsafe.Add(t.a, r*t.aRow+l*size), size)
		}
	}
}

// packPanels copies k rows: a micro-panel for each tile's columns, in it one row after the other.
func (p *Precision) packPanels(t *tile, dst, src unsafe.Pointer, srcRow, k, cols int) {
	width := p.vectors * p.lanes * p.size
	t.k = k
	t.aRow = srcRow
	for j := 0; j < cols*p.size; j += width {
		t.a = unsafe.Add(src, j)
		t.c = unsafe.Add(dst, j*k)
		size := min(width, cols*p.size-j)
		if size == width && p.packB != nil {
			p.packB(t)
			continue
		}
		for l := range k {
			copyBytes(unsafe.Add(t.c, l*width), unsafe.Add(t.a, l*srcRow), size)
		}
	}
}

// copyBytes copies size bytes.
func copyBytes(dst, src unsafe.Pointer, size int) {
	copy(unsafe.Slice((*byte)(dst), size), unsafe.Slice((*byte)(src), size))
}

package gemm

import "unsafe"

// few is the number of rows or columns up to which packing does not pay: what is packed would be used too few times.
const few = 48

// isDirect reports whether g is multiplied without packing, because what is packed would be used too few times, or
// because all lies in the caches anyway.
func (p *Precision) isDirect(g *product) bool {
	return p.direct != nil &&
		(g.m <= few || g.n <= few || g.k <= blockK || (g.m+g.n)*g.k*p.size <= p.small)
}

// multiplyDirect multiplies without packing: blocks of k, in them columns of tiles, which share a panel of B. Columns
// that would fill little of a vector are multiplied as if they were all, if there are few others. That changes the
// order of their sums, so it must not depend on what decides whether packing pays: the caches, and the rows of a call.
func (p *Precision) multiplyDirect(w *workspace, g *product) {
	if rest := g.n % p.lanes; rest > 0 && rest < g.n && g.n <= few {
		narrow := *g
		narrow.n = rest
		narrow.b = unsafe.Add(g.b, (g.n-rest)*p.size)
		narrow.c = unsafe.Add(g.c, (g.n-rest)*p.size)
		if p.isNarrow(&narrow) {
			p.multiplyNarrow(w, &narrow)
			whole := *g
			whole.n -= rest
			g = &whole
		}
	}
	rowTiles := ceilDiv(g.m, p.rows)
	rows := ceilDiv(g.m, rowTiles)
	width := (len(p.direct[rows]) - 1) * p.lanes
	t := &w.tile
	t.aRow = g.aRow
	t.aNext = 0
	t.bRow = g.bRow
	t.cRow = g.cRow
	t.accumulate = toInt(g.accumulate)
	depth := share(g.k, p.depth, blockK)
	for l := 0; l < g.k; l += depth {
		t.k = min(depth, g.k-l)
		for j := 0; j < g.n; j += width {
			cols := min(width, g.n-j)
			vectors := ceilDiv(cols, p.lanes)
			t.mask = &p.masks[cols-(vectors-1)*p.lanes]
			t.b = unsafe.Add(g.b, l*g.bRow+j*p.size)
			for i := 0; i < g.m; i += rows {
				t.a = unsafe.Add(g.a, i*g.aRow+l*p.size)
				t.c = unsafe.Add(g.c, i*g.cRow+j*p.size)
				p.direct[min(rows, g.m-i)][vectors](t)
			}
		}
		t.accumulate = 1
	}
}

package tile

import (
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/internal/round"
)

// The limits of a panel: what of one operand is in memory for one step of a tile.
const (
	// panelElements is 20 MiB of float64: a panel of a tile of full height, one block wide. Narrower ones would take the
	// same blocks from the block store several times.
	panelElements = matrix.StandardTileRows * panelDepth
	// panelDepth is the width of a block of A. For a BLAS it is deep enough by far.
	panelDepth = matrix.StandardBlockCols
	// maxBandSide bounds what the check of a band needs.
	maxBandSide = matrix.MaxBlockElements
)

// panelPlan cuts one tile of an m×k by k×n product into steps. The tile is cut into bands of at most rows×cols elements,
// of which most tiles have one; each band is a sum over panels: A's of rows×depth and B's of depth×cols elements. Long
// and thin tiles have several bands, so that their panels are as deep as blocks are wide.
type panelPlan struct {
	tile              matrix.Rect
	k                 int64
	rows, cols, depth int64
}

// panelStep is one addition of a product of two panels to a band.
type panelStep struct {
	a, b, c     matrix.Rect // the panels, in A and B, and the band, in the whole result
	first, last bool        // of the band's
}

// newPanelPlan plans a tile that has elements of a product of matrices of those shapes. Panels begin and end where the
// blocks of the operands do, as GridFor has them, wherever the limits allow.
func newPanelPlan(a, b matrix.Shape, tile matrix.Rect) panelPlan {
	blockA, blockB := matrix.GridFor(a), matrix.GridFor(b)
	p := panelPlan{tile: tile, k: a.Cols, depth: max(panelDepth, blockA.BlockCols)}
	for p.depth > panelDepth && p.depth*max(tile.Rows, tile.Cols) > panelElements {
		p.depth /= 2
	}
	for p.depth > 1 && p.depth*min(tile.Cols, blockB.BlockCols) > panelElements {
		p.depth /= 2
	}
	p.depth = max(1, min(p.depth, a.Cols))
	limit := min(maxBandSide, panelElements/p.depth)
	p.rows = bandSide(tile.Rows, limit, max(matrix.StandardBlockRows, blockA.BlockRows))
	p.cols = bandSide(tile.Cols, limit, max(matrix.StandardBlockCols, blockB.BlockCols))
	return p
}

// bandSide cuts length into as few parts of at most limit as there can be, even ones, and whole blocks if possible.
func bandSide(length, limit, block int64) int64 {
	if length <= limit {
		return length
	}
	if limit < block {
		return limit
	}
	return round.Even(length, round.Down(limit, block), block)
}

// bands is the geometry of the bands, counted from the tile's corner.
func (p panelPlan) bands() matrix.Grid {
	return matrix.Grid{Rows: p.tile.Rows, Cols: p.tile.Cols, BlockRows: p.rows, BlockCols: p.cols}
}

// panels returns the number of panels of each band; it is 0 for k = 0.
func (p panelPlan) panels() int64 { return round.CeilDiv(p.k, p.depth) }

// steps returns the number of steps.
func (p panelPlan) steps() int64 { return p.bands().Blocks() * p.panels() }

// step returns step i, 0 ≤ i < steps().
func (p panelPlan) step(i int64) panelStep {
	band := p.bands().Block(i / p.panels())
	band.Row += p.tile.Row
	band.Col += p.tile.Col
	from := i % p.panels() * p.depth
	depth := min(p.depth, p.k-from)
	return panelStep{
		a:     matrix.Rect{Row: band.Row, Col: from, Rows: band.Rows, Cols: depth},
		b:     matrix.Rect{Row: from, Col: band.Col, Rows: depth, Cols: band.Cols},
		c:     band,
		first: from == 0,
		last:  from+depth == p.k,
	}
}

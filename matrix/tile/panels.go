package tile

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/internal/round"
)

// The limits of a panel, the part of one operand that is in memory for one step of a tile.
const (
	// panelElements is 20 MiB of float64: a panel of a tile of full height, one block wide. Narrower panels would read
	// the same blocks from the block store several times.
	panelElements = matrix.StandardTileRows * panelDepth
	// panelDepth is the width of a block of A, which is more than enough for a BLAS.
	panelDepth = matrix.StandardBlockCols
	// maxBandSide bounds the memory of the check of a band.
	maxBandSide = matrix.MaxBlockElements
)

// panelPlan cuts the computation of one tile of A·B, for A of m×k and B of k×n elements, into steps. The tile is cut
// into bands of at most rows×cols elements; most tiles have one. A band is a sum over panels of A, of rows×depth
// elements, times panels of B, of depth×cols elements. Long and thin tiles have several bands, so that their panels are
// as deep as blocks are wide.
type panelPlan struct {
	tile              matrix.Rect
	from, k           int64 // which columns of A and rows of B
	rows, cols, depth int64
}

// panelStep adds the product of two panels to a band.
type panelStep struct {
	a, b  matrix.Rect // the panels, in A and B
	c     matrix.Rect // the band, in the whole result
	first bool        // whether this is the first step of the band
	last  bool        // whether this is the last step of the band
}

// newPanelPlan plans the sum over k columns of A and rows of B for a tile that is not empty, for operands of shapes a
// and b. Within the limits, panels begin and end where the blocks of the operands do according to matrix.GridFor, if
// the first column does.
func newPanelPlan(a, b matrix.Shape, tile matrix.Rect, from, k int64) panelPlan {
	blockA := matrix.GridFor(a)
	blockB := matrix.GridFor(b)
	p := panelPlan{
		tile:  tile,
		from:  from,
		k:     k,
		depth: max(panelDepth, blockA.BlockCols),
	}
	for p.depth > panelDepth && p.depth*max(tile.Rows, tile.Cols) > panelElements {
		p.depth /= 2
	}
	for p.depth > 1 && p.depth*min(tile.Cols, blockB.BlockCols) > panelElements {
		p.depth /= 2
	}
	p.depth = max(1, min(p.depth, k))
	limit := min(maxBandSide, panelElements/p.depth)
	p.rows = bandSide(tile.Rows, limit, max(matrix.StandardBlockRows, blockA.BlockRows))
	p.cols = bandSide(tile.Cols, limit, max(matrix.StandardBlockCols, blockB.BlockCols))
	return p
}

// bandSide returns the side that cuts length into as few parts of at most limit as possible. The parts are even, and
// whole blocks if limit is at least a block.
func bandSide(length, limit, block int64) int64 {
	if length <= limit {
		return length
	}
	if limit < block {
		return limit
	}
	return round.Even(length, round.Down(limit, block), block)
}

// bands returns the geometry of the bands, relative to the tile's upper left corner.
func (p panelPlan) bands() matrix.Grid {
	return matrix.Grid{
		Rows:      p.tile.Rows,
		Cols:      p.tile.Cols,
		BlockRows: p.rows,
		BlockCols: p.cols,
	}
}

// panels returns the number of panels of each band, which is 0 for k = 0.
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
		a: matrix.Rect{
			Row:  band.Row,
			Col:  p.from + from,
			Rows: band.Rows,
			Cols: depth,
		},
		b: matrix.Rect{
			Row:  p.from + from,
			Col:  band.Col,
			Rows: depth,
			Cols: band.Cols,
		},
		c:     band,
		first: from == 0,
		last:  from+depth == p.k,
	}
}

// readPanel reads a rectangle as elements of T, without gaps. checkOperands has rejected float64 where T is float32.
func readPanel[T matrix.Float](ctx context.Context, name string, source matrix.Source, r matrix.Rect, dst []T) error {
	dst = dst[:r.Elements()]
	raw := matrix.AsBytes(dst)
	wide, mixed := any(dst).([]float64)
	mixed = mixed && source.Shape().DType == matrix.Float32
	if mixed {
		raw = raw[len(raw)/2:]
	}
	if err := source.ReadRect(ctx, r, raw); err != nil {
		return fmt.Errorf("read %d×%d of %s at (%d, %d): %w", r.Rows, r.Cols, name, r.Row, r.Col, err)
	}
	if mixed {
		widenUpperHalf(wide)
	}
	return nil
}

// widenUpperHalf turns the len(x) elements of float32 in the upper half of x's memory into the elements of x. In
// ascending order no element is overwritten before it has been read: x[i] covers the elements up to 2i+1-len(x) ≤ i.
func widenUpperHalf(x []float64) {
	narrow := matrix.AsFloats[float32](matrix.AsBytes(x)[4*len(x):])
	for i := range x {
		x[i] = float64(narrow[i])
	}
}

package matrix

import (
	"iter"

	"github.com/millrace/millrace/matrix/internal/round"
)

// The limits of the block geometry. They count elements, not bytes, so that a matrix and its product have the same
// geometry in float64 and in float32.
const (
	// MaxBlockElements is 2 MiB of float64: large enough that a block store's cost per request does not matter, small
	// enough that a row of a database table holds one.
	MaxBlockElements = 1 << 18
	// minBlockElements is 256 KiB of float64. Blocks of very wide matrices are not made smaller to bound a stripe.
	minBlockElements = 1 << 15
	// maxStripeElements is 32 MiB of float64: what an upload holds in memory.
	maxStripeElements = 1 << 22

	// StandardBlockRows and StandardBlockCols are the sides of a block unless the matrix is narrow or very wide.
	StandardBlockRows = 256
	StandardBlockCols = 1024
)

// UnknownRows is the Grid.Rows of content whose number of rows shows only at its end.
const UnknownRows = -1

// Grid cuts a matrix of Rows × Cols elements into blocks of BlockRows × BlockCols, clipped at the lower and right edge.
// Each block is stored row-major; they are numbered row by row from 0. BlockRows and BlockCols are at least 1.
type Grid struct {
	Rows, Cols           int64
	BlockRows, BlockCols int64
}

// GridFor returns the geometry of content that arrives row-major. It depends on s.Cols only: s.Rows may be UnknownRows,
// in which case the only methods of the Grid that mean anything are Across and Index.
//
// A block has at most 2 MiB (256 × 1,024 float64). Narrow matrices have blocks as wide as they are, and longer. For
// wide ones the stripe, BlockRows full rows, stays within 32 MiB: the blocks get lower, and wider once they would have
// less than 256 KiB. A single row may be longer than 32 MiB; with BlockRows = 1 a Striper holds one block, not a row.
func GridFor(s Shape) Grid {
	g := Grid{Rows: s.Rows, Cols: s.Cols, BlockRows: StandardBlockRows, BlockCols: StandardBlockCols}
	if s.Cols < StandardBlockCols {
		g.BlockCols = max(1, s.Cols)
		for 2*g.BlockRows*g.BlockCols <= MaxBlockElements {
			g.BlockRows *= 2
		}
		return g
	}
	for g.BlockRows > 1 && g.BlockRows > maxStripeElements/s.Cols {
		g.BlockRows /= 2
	}
	for g.BlockRows*g.BlockCols < minBlockElements {
		g.BlockCols *= 2
	}
	return g
}

// ColumnGridFor returns the geometry of content that arrives in Fortran order, column by column: the mirror image of
// GridFor, so that a stripe of BlockCols full columns is what stays within 32 MiB. It depends on s.Rows only. The blocks
// themselves are row-major as everywhere.
func ColumnGridFor(s Shape) Grid {
	return GridFor(Shape{Rows: s.Cols, Cols: s.Rows, DType: s.DType}).transposed()
}

func (g Grid) transposed() Grid {
	return Grid{Rows: g.Cols, Cols: g.Rows, BlockRows: g.BlockCols, BlockCols: g.BlockRows}
}

// Down returns the number of block rows.
func (g Grid) Down() int64 { return round.CeilDiv(g.Rows, g.BlockRows) }

// Across returns the number of block columns.
func (g Grid) Across() int64 { return round.CeilDiv(g.Cols, g.BlockCols) }

// Blocks returns the number of blocks; it is 0 for a matrix without elements.
func (g Grid) Blocks() int64 { return g.Down() * g.Across() }

// Block returns the rectangle of block i, 0 ≤ i < Blocks(), clipped at the edges of the matrix.
func (g Grid) Block(i int64) Rect {
	row, col := i/g.Across()*g.BlockRows, i%g.Across()*g.BlockCols
	return Rect{Row: row, Col: col, Rows: min(g.BlockRows, g.Rows-row), Cols: min(g.BlockCols, g.Cols-col)}
}

// Index returns the number of the block in the given block row and block column.
func (g Grid) Index(blockRow, blockCol int64) int64 { return blockRow*g.Across() + blockCol }

// Overlapping yields the indexes of the blocks that share elements with r, in ascending order. Parts of r outside of the
// matrix are ignored.
func (g Grid) Overlapping(r Rect) iter.Seq[int64] {
	r = r.Intersect(Rect{Rows: g.Rows, Cols: g.Cols})
	return func(yield func(int64) bool) {
		if r.Empty() {
			return
		}
		for i := r.Row / g.BlockRows; i <= (r.Row+r.Rows-1)/g.BlockRows; i++ {
			for j := r.Col / g.BlockCols; j <= (r.Col+r.Cols-1)/g.BlockCols; j++ {
				if !yield(g.Index(i, j)) {
					return
				}
			}
		}
	}
}

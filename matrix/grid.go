package matrix

import (
	"iter"

	"github.com/millrace/millrace/matrix/internal/round"
)

// The limits of the block geometry. They count elements, not bytes, so that the
// geometry of a matrix is the same in float64 and in float32.
const (
	// MaxBlockElements is the most elements of a block, 2 MiB of float64: large enough that a block store's cost per
	// request does not matter, small enough that a row of a database table holds a block.
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
// Blocks are numbered row by row from 0, and each is stored row-major. BlockRows and BlockCols must be at least 1.
type Grid struct {
	Rows, Cols           int64
	BlockRows, BlockCols int64
}

// GridFor returns the geometry of content that arrives row-major. The sides of the blocks depend on s.Cols alone.
// s.Rows may be UnknownRows; then Across and Index are the only methods of the Grid that may be used.
//
// A block has at most 2 MiB (256 × 1,024 float64). Narrow matrices have blocks as wide as they are, and longer. For
// wide ones the stripe, BlockRows full rows, stays within 32 MiB: the blocks get lower, and wider once they would have
// less than 256 KiB. A single row may be longer than 32 MiB; with BlockRows = 1 a Striper holds one block, not a row.
func GridFor(s Shape) Grid {
	g := Grid{
		Rows:      s.Rows,
		Cols:      s.Cols,
		BlockRows: StandardBlockRows,
		BlockCols: StandardBlockCols,
	}
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

// ColumnGridFor returns the geometry of content that arrives in Fortran order, column by column. It is the mirror image
// of GridFor: the sides of the blocks depend on s.Rows alone, and a stripe of BlockCols full columns stays within 32
// MiB. The elements of a block are row-major nevertheless.
func ColumnGridFor(s Shape) Grid {
	s.Rows, s.Cols = s.Cols, s.Rows
	return GridFor(s).transposed()
}

func (g Grid) transposed() Grid {
	return Grid{
		Rows:      g.Cols,
		Cols:      g.Rows,
		BlockRows: g.BlockCols,
		BlockCols: g.BlockRows,
	}
}

// Down returns the number of block rows.
func (g Grid) Down() int64 { return round.CeilDiv(g.Rows, g.BlockRows) }

// Across returns the number of block columns.
func (g Grid) Across() int64 { return round.CeilDiv(g.Cols, g.BlockCols) }

// Blocks returns the number of blocks, which is 0 for a matrix without elements.
func (g Grid) Blocks() int64 { return g.Down() * g.Across() }

// Block returns the rectangle of block i, 0 ≤ i < Blocks(), clipped at the edges of the matrix.
func (g Grid) Block(i int64) Rect {
	row := i / g.Across() * g.BlockRows
	col := i % g.Across() * g.BlockCols
	return Rect{
		Row:  row,
		Col:  col,
		Rows: min(g.BlockRows, g.Rows-row),
		Cols: min(g.BlockCols, g.Cols-col),
	}
}

// Index returns the number of the block in the given block row and block column.
func (g Grid) Index(blockRow, blockCol int64) int64 { return blockRow*g.Across() + blockCol }

// Overlapping yields the indexes of the blocks that share elements with r, in ascending order. Parts of r outside the
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

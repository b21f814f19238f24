package matrix

import "github.com/millrace/millrace/matrix/internal/round"

// The limits of a piece of work. They are about time, on the slowest kernel that there is: no piece may outlast the
// grace period of a worker, and what a lost worker loses is little. They are constants, so that the plan, and with it
// the bits of the result, does not depend on the process that makes it or on those that work.
const (
	// maxSeconds is how long a piece takes at most by the rates below.
	maxSeconds = 14
	// slowestFLOPS is the rate of the portable kernel on one core, less a third; those with assembly are five times as
	// fast and more.
	slowestFLOPS = 1e10
	// slowestReads is how many elements of the operands a core generates and checks in a second. Stored ones are read
	// faster.
	slowestReads = 1e8
	// maxReads is how many elements of the operands a piece reads at most: less than maxSeconds allows, so that products
	// that mostly read have enough pieces for several workers.
	maxReads = 1 << 28
	// maxTileElements bounds the part of a worker's memory that holds the elements of a tile to 40 MiB of float64.
	maxTileElements = StandardTileRows * StandardTileCols
	// minTileSide is the longer side of a tile from which on it is cut along the inner dimension, not into smaller ones,
	// which would read each operand more often. A quarter of a tile of full size is not smaller.
	minTileSide = 1280

	// StandardTileRows and StandardTileCols are the sides of a tile of full size.
	StandardTileRows = 2560
	StandardTileCols = 2048
)

// The limits of a small multiplication: less than about 10 ms of one core, reading included.
const (
	maxSmallFLOPs    = 1e8
	maxSmallElements = 1e6
)

// Plan cuts the multiplication of an M×K by a K×N matrix into tiles of TileRows × TileCols elements of the result,
// clipped at its lower and right edge and numbered row by row from 0. If K is long, a tile is the sum of parts, each
// over TileDepth columns of A and rows of B, of which the last may have fewer; if TileDepth is 0, tiles have no parts.
// The Pieces of a plan are bounded work.
type Plan struct {
	M, K, N            int64
	TileRows, TileCols int64
	TileDepth          int64
}

// ResultShape returns the shape of the result, whose elements are of a type.
func (p Plan) ResultShape(dtype DType) Shape {
	return Shape{
		Rows:  p.M,
		Cols:  p.N,
		DType: dtype,
	}
}

// NewPlan plans the multiplication of an m×k by a k×n matrix. Shape.Validate must accept the shapes of both operands
// and of the result.
//
// A tile has at most 2,560×2,048 elements (thin results have longer tiles of the same area). A piece takes at most 14 s
// of one core with the portable kernel, 1.4e11 floating-point operations, and reads at most 2²⁸ elements, unless k is
// longer than MaxK. Tiles are evened out in whole blocks of the result, and of B if that is stored row-major: 4,000
// rows become tiles of 2,048 and 1,952 rows, not 2,560 and 1,440.
func NewPlan(m, k, n int64) Plan {
	p := Plan{
		M: m,
		K: k,
		N: n,
	}
	g := p.largestBlocks()
	if m == 0 || n == 0 {
		p.TileRows = g.BlockRows
		p.TileCols = g.BlockCols
		return p
	}
	p.TileRows, p.TileCols = largestTile(m, n, g)
	for !p.fits(k) && p.longerSide() > minTileSide {
		p.halve(g.BlockCols)
	}
	if !p.fits(k) {
		p.cutDepth(g.BlockCols)
	}
	p.TileRows = round.Even(m, p.TileRows, blockSide(p.TileRows, g.BlockRows))
	p.TileCols = round.Even(n, p.TileCols, blockSide(p.TileCols, g.BlockCols))
	return p
}

// largestTile returns the sides of the largest tile of an m×n result with blocks as in g, whole blocks both ways. It
// may reach beyond the result, by less than a block.
func largestTile(m, n int64, g Grid) (rows, cols int64) {
	cols = min(round.Up(n, g.BlockCols), max(StandardTileCols, g.BlockCols))
	rows = round.Down(maxTileElements/min(n, cols), g.BlockRows)
	if m >= rows {
		return rows, cols
	}
	if n <= maxTileElements/m {
		return round.Up(m, g.BlockRows), round.Up(n, g.BlockCols)
	}
	return round.Up(m, g.BlockRows), round.Down(maxTileElements/m, g.BlockCols)
}

// inside returns the sides of the part of a tile that is in the result: what lies outside costs nothing.
func (p Plan) inside() (rows, cols int64) { return min(p.TileRows, p.M), min(p.TileCols, p.N) }

func (p Plan) longerSide() int64 { return max(p.inside()) }

// fits reports whether a part of a tile that is so deep keeps the limits.
func (p Plan) fits(depth int64) bool {
	rows, cols := p.inside()
	reads := (float64(rows) + float64(cols)) * float64(depth)
	return reads <= maxReads && FLOPs(rows, depth, cols)/slowestFLOPS+reads/slowestReads <= maxSeconds
}

// halve halves the longer side of the tile. Tile columns stay multiples of blockCols while they are longer than that,
// so that no block of a row-major B is read for two tile columns.
func (p *Plan) halve(blockCols int64) {
	if rows, cols := p.inside(); rows >= cols {
		p.TileRows = round.CeilDiv(p.TileRows, 2)
		return
	}
	if p.TileCols = round.CeilDiv(p.TileCols, 2); p.TileCols > blockCols {
		p.TileCols = round.Down(p.TileCols, blockCols)
	}
}

// Tiles returns the number of tiles, which is 0 for a result without elements. Pieces says how many jobs there are.
func (p Plan) Tiles() int64 { return p.tiles().Blocks() }

// Across returns the number of tiles in a row.
func (p Plan) Across() int64 { return p.tiles().Across() }

// PiecesAcross returns the number of pieces of the tiles in a row.
func (p Plan) PiecesAcross() int64 { return p.Across() * (p.Pieces() / max(1, p.Tiles())) }

// Tile returns the rectangle of tile i in the result, 0 ≤ i < Tiles(), clipped at the edges.
func (p Plan) Tile(i int64) Rect { return p.tiles().Block(i) }

func (p Plan) tiles() Grid {
	return Grid{
		Rows:      p.M,
		Cols:      p.N,
		BlockRows: p.TileRows,
		BlockCols: p.TileCols,
	}
}

// Grid returns the geometry of the result's blocks. Each block lies in exactly one tile, the only one that writes it.
// For wide results the blocks are larger than those of GridFor: tiles are written in any order, so that no stripe has
// to fit in memory, and fewer, larger blocks are stored faster.
func (p Plan) Grid() Grid {
	g := p.largestBlocks()
	g.BlockRows = blockSide(p.TileRows, g.BlockRows)
	g.BlockCols = blockSide(p.TileCols, g.BlockCols)
	return g
}

// largestBlocks returns GridFor of the result with blocks made higher up to MaxBlockElements, without a limit on
// stripes.
func (p Plan) largestBlocks() Grid {
	g := GridFor(Shape{
		Rows:  p.M,
		Cols:  p.N,
		DType: Float64, // the geometry does not depend on it
	})
	for 2*g.BlockRows*g.BlockCols <= MaxBlockElements {
		g.BlockRows *= 2
	}
	return g
}

// FLOPs returns the floating-point operations of the whole multiplication, 2·M·K·N.
func (p Plan) FLOPs() float64 { return FLOPs(p.M, p.K, p.N) }

// Small reports whether the multiplication is one tile that costs less than about 10 ms.
func (p Plan) Small() bool {
	m, k, n := float64(p.M), float64(p.K), float64(p.N)
	return p.Tiles() <= 1 && p.FLOPs() <= maxSmallFLOPs && m*k+k*n+m*n <= maxSmallElements
}

// blockSide returns the longest block side that divides the tile's side evenly, found by halving limit, or the tile's
// side itself if that is within limit.
func blockSide(tile, limit int64) int64 {
	if tile <= limit {
		return tile
	}
	for tile%limit != 0 {
		limit /= 2
	}
	return limit
}

// FLOPs returns the floating-point operations of multiplying an m×k by a k×n matrix, 2·m·k·n. It is a float64 because
// that of valid shapes may exceed an int64.
func FLOPs(m, k, n int64) float64 { return 2 * float64(m) * float64(k) * float64(n) }

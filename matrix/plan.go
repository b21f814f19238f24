package matrix

import "github.com/millrace/millrace/matrix/internal/round"

// The limits of a tile.
const (
	// maxTileFLOPs is 5 s of a core that does 50 GFLOP/s: what a lost worker costs, and what a drain waits for.
	maxTileFLOPs = 2.7e11
	// maxTileElements is 40 MiB of float64: the part of a worker's memory that holds the tile's result.
	maxTileElements = StandardTileRows * StandardTileCols
	// minTileSide is where halving a tile stops. Below it a tile reads more than it computes.
	minTileSide = 64

	// StandardTileRows and StandardTileCols are the sides of a tile of full size.
	StandardTileRows = 2560
	StandardTileCols = 2048
)

// The limits of a product that is not worth a queue of its own: less than about 10 ms of one core, reading included.
const (
	maxSmallFLOPs    = 1e8
	maxSmallElements = 1e6
)

// Plan cuts the product of an M×K and a K×N matrix into tiles of TileRows × TileCols elements of the result, clipped at
// its lower and right edge and numbered row by row from 0. Every tile is one bounded piece of work.
type Plan struct {
	M, K, N            int64
	TileRows, TileCols int64
}

// NewPlan plans an m×k by k×n product. Both operands and the result must have shapes that Shape.Validate accepts.
//
// A tile has at most 2,560×2,048 elements (thin results have longer tiles of the same area) and costs at most 2.7e11
// floating-point operations, unless k is so long that a tile of 64×64 costs more. Tiles are evened out in whole
// blocks of the result, and of b where that is stored row-major: two tiles of 2,048 and 1,952 rows, not 2,560 and 1,440.
func NewPlan(m, k, n int64) Plan {
	p := Plan{M: m, K: k, N: n}
	g := p.largestBlocks()
	if m == 0 || n == 0 {
		p.TileRows, p.TileCols = g.BlockRows, g.BlockCols
		return p
	}
	p.TileRows, p.TileCols = largestTile(m, n, g)
	p.shrink(g.BlockCols)
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

// shrink halves the longer side of the tile until it costs no more than it may. Tile columns stay whole blocks of
// blockCols for as long as they have more than one, so that no block of a row-major b is read for two tile columns.
func (p *Plan) shrink(blockCols int64) {
	for {
		// What lies outside of the result costs nothing.
		rows, cols := min(p.TileRows, p.M), min(p.TileCols, p.N)
		if FLOPs(rows, p.K, cols) <= maxTileFLOPs || max(rows, cols) <= minTileSide {
			return
		}
		if rows >= cols {
			p.TileRows = round.CeilDiv(p.TileRows, 2)
			continue
		}
		if p.TileCols = round.CeilDiv(p.TileCols, 2); p.TileCols > blockCols {
			p.TileCols = round.Down(p.TileCols, blockCols)
		}
	}
}

// Tiles returns the number of tiles; it is 0 for a result without elements.
func (p Plan) Tiles() int64 { return p.tiles().Blocks() }

// Tile returns the rectangle of the result that is tile i, 0 ≤ i < Tiles(), clipped at the result's edges.
func (p Plan) Tile(i int64) Rect { return p.tiles().Block(i) }

func (p Plan) tiles() Grid {
	return Grid{Rows: p.M, Cols: p.N, BlockRows: p.TileRows, BlockCols: p.TileCols}
}

// Grid returns the geometry of the result's blocks: each lies in exactly one tile, which is that block's only writer. It is
// that of GridFor but for wide results: tiles come in any order, so that no stripe has to fit in memory, and fewer, larger
// blocks are stored faster.
func (p Plan) Grid() Grid {
	g := p.largestBlocks()
	g.BlockRows = blockSide(p.TileRows, g.BlockRows)
	g.BlockCols = blockSide(p.TileCols, g.BlockCols)
	return g
}

// largestBlocks is GridFor of the result with blocks as high as blocks may be, whatever a stripe of them takes.
func (p Plan) largestBlocks() Grid {
	g := GridFor(Shape{Rows: p.M, Cols: p.N, DType: Float64}) // the element type has no say in geometry
	for 2*g.BlockRows*g.BlockCols <= MaxBlockElements {
		g.BlockRows *= 2
	}
	return g
}

// FLOPs returns the floating-point operations of the whole product, 2·M·K·N.
func (p Plan) FLOPs() float64 { return FLOPs(p.M, p.K, p.N) }

// Small reports whether the whole product is one tile that costs less than about 10 ms.
func (p Plan) Small() bool {
	m, k, n := float64(p.M), float64(p.K), float64(p.N)
	return p.Tiles() <= 1 && p.FLOPs() <= maxSmallFLOPs && m*k+k*n+m*n <= maxSmallElements
}

// blockSide returns the longest block side that is at most limit and divides the tile's side evenly, as far as that can
// be had by halving limit.
func blockSide(tile, limit int64) int64 {
	if tile <= limit {
		return tile
	}
	for tile%limit != 0 {
		limit /= 2
	}
	return limit
}

// FLOPs returns the floating-point operations of an m×k by k×n product, 2·m·k·n. It is in floating point because that of
// three valid shapes may be more than an int64 holds.
func FLOPs(m, k, n int64) float64 { return 2 * float64(m) * float64(k) * float64(n) }

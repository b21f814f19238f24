package matrix

import (
	"math"

	"github.com/millrace/millrace/matrix/internal/round"
)

// The limits of the sum of a tile's parts. They bound its time, and the space that parts take.
const (
	// maxSumElements is how many elements of partial sums are read to add up a tile: 1 GiB of float64.
	maxSumElements = 1 << 27
	// maxParts bounds the parts of a tile of few elements, each of which is a read.
	maxParts = 4096
	// PiecesAhead is how many pieces of a multiplication are in work, or will be next, at most. The partial sums of so
	// many tiles are kept at the same time.
	PiecesAhead = 1500
)

// Piece is the work of one job of a Plan: a tile, a part of one, or the sum of its parts.
type Piece struct {
	Tile  Rect  // in the result
	Index int64 // of the tile
	Part  int64 // which of the tile's parts
	From  int64 // the first column of A and row of B
	Depth int64 // how many of them; 0: this is the sum of the parts
}

// IsSum reports whether this is the sum of a tile's parts.
func (p Piece) IsSum() bool { return p.Part > 0 && p.Depth == 0 }

// cutDepth sets the depth of the parts of a tile, and halves the tile while too many elements would have to be added.
// Parts end where blocks of A do if they are longer than a block, and are even.
func (p *Plan) cutDepth(blockCols int64) {
	for {
		rows, cols := p.inside()
		area := float64(rows) * float64(cols)
		reads := float64(rows) + float64(cols)
		limit := int64(min(maxReads/reads, maxSeconds/(2*area/slowestFLOPS+reads/slowestReads)))
		unit := GridFor(Shape{
			Rows:  p.M,
			Cols:  p.K,
			DType: Float64, // the geometry does not depend on it
		}).BlockCols
		for unit > limit {
			unit /= 2
		}
		p.TileDepth = round.Even(p.K, round.Down(limit, unit), unit)
		parts := float64(p.Parts())
		if parts*area <= maxSumElements && parts <= maxParts || rows*cols == 1 {
			return
		}
		p.halve(blockCols)
	}
}

// MaxK returns the longest inner dimension with which the pieces of the plan keep the limits.
func (p Plan) MaxK() int64 {
	if p.TileDepth == 0 {
		return math.MaxInt64
	}
	return p.TileDepth * maxParts
}

// Parts returns the number of parts of a tile; 1: it has none.
func (p Plan) Parts() int64 {
	if p.TileDepth == 0 {
		return 1
	}
	return round.CeilDiv(p.K, p.TileDepth)
}

// Pieces returns the number of pieces: of tiles, or of their parts and one sum for each tile.
func (p Plan) Pieces() int64 {
	if p.TileDepth == 0 {
		return p.Tiles()
	}
	return p.Tiles() * (p.Parts() + 1)
}

// Piece returns piece i, 0 ≤ i < Pieces(). The parts of a tile and then their sum come before those of the next tile.
func (p Plan) Piece(i int64) Piece {
	if p.TileDepth == 0 {
		return Piece{
			Tile:  p.Tile(i),
			Index: i,
			Depth: p.K,
		}
	}
	parts := p.Parts()
	piece := Piece{
		Index: i / (parts + 1),
		Part:  i % (parts + 1),
	}
	piece.Tile = p.Tile(piece.Index)
	if piece.Part < parts {
		piece.From = piece.Part * p.TileDepth
		piece.Depth = min(p.TileDepth, p.K-piece.From)
	}
	return piece
}

// StoredElements returns how many elements a multiplication keeps in the block store at most, partial sums included.
func (p Plan) StoredElements() int64 {
	if p.TileDepth == 0 {
		return p.M * p.N
	}
	rows, cols := p.inside()
	partial := min(float64(p.M)*float64(p.N)*float64(p.Parts()), float64(PiecesAhead*rows*cols))
	return p.M*p.N + int64(partial)
}

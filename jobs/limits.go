package jobs

import (
	"fmt"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
)

// The priorities of a multiplication.
const (
	MinPriority     = 1 // the most urgent
	MaxPriority     = 4
	DefaultPriority = 2
)

const (
	// maxTiles is the size of the largest multiplication in tiles: they are enqueued in one transaction.
	maxTiles = 200_000
	// maxTileReads is how many elements of its operands one tile may read. Tiles are not cut along the inner dimension;
	// with one that is longer than about 10⁹ a tile would not end within tileTimeout.
	maxTileReads = 1 << 36
)

// CheckShapes returns matrix.ErrShape when the product of a and b is not defined, and matrix.ErrTooLarge when it has
// more than maxBytes, if that is positive, or is more than Millrace takes on.
func CheckShapes(a, b matrix.Shape, maxBytes int64) error {
	if a.Cols != b.Rows {
		return fmt.Errorf("%w: a is %d×%d and b is %d×%d, the columns of a must equal the rows of b",
			matrix.ErrShape, a.Rows, a.Cols, b.Rows, b.Cols)
	}
	if err := resultShape(a, b).Validate(maxBytes); err != nil {
		return fmt.Errorf("the result: %w", err)
	}
	plan := matrix.NewPlan(a.Rows, a.Cols, b.Cols)
	if plan.Tiles() > maxTiles {
		return fmt.Errorf("%w: the result would take %d tiles, at most %d are allowed",
			matrix.ErrTooLarge, plan.Tiles(), maxTiles)
	}
	sides := min(plan.TileRows, plan.M) + min(plan.TileCols, plan.N)
	if plan.Tiles() > 0 && plan.K > maxTileReads/sides {
		return fmt.Errorf("%w: the inner dimension is %d, at most %d are allowed in a multiplication of this shape",
			matrix.ErrTooLarge, plan.K, maxTileReads/sides)
	}
	return nil
}

// resultShape is the shape of the product of two matrices.
func resultShape(a, b matrix.Shape) matrix.Shape {
	return matrix.Shape{
		Rows:  a.Rows,
		Cols:  b.Cols,
		DType: matrix.Promote(a.DType, b.DType),
	}
}

// queueOf returns the queue of a multiplication's jobs.
func queueOf(plan matrix.Plan) string {
	if plan.Small() {
		return queue.Small
	}
	return queue.Tiles
}

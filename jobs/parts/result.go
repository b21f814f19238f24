package parts

import (
	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
)

// Result returns the result of a new multiplication that takes so many jobs: in blocks, unless one small tile is all of
// it. It is ready if there are none, since it has no elements.
func Result(id uuid.UUID, shape matrix.Shape, plan matrix.Plan, jobs int64) store.Matrix {
	c := store.Matrix{
		ID:     id,
		Rows:   shape.Rows,
		Cols:   shape.Cols,
		DType:  shape.DType,
		Source: store.FromMultiplication,
		State:  store.Uploading,
	}
	if jobs == 0 {
		c.State = store.Ready
		c.Digest = npy.Digest(c.Shape(), nil)
	}
	if jobs > 1 || c.Shape().Bytes() > store.MaxInline {
		grid := plan.Grid()
		c.BlockRows = grid.BlockRows
		c.BlockCols = grid.BlockCols
	}
	return c
}

package parts

import (
	"cmp"
	"context"
	"errors"

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

// ErrOlderProcesses means that a multiplication with parts cannot be accepted while processes of a version before them
// run.
var ErrOlderProcesses = errors.New("the service is being updated: older processes cannot divide the inner dimension")

// WriteResultTx writes the row of the result of a new multiplication that is to be computed, and reserves its room:
// with those of others that are not finished at most maxReserved bytes. Errors: ErrOlderProcesses; blocks.ErrFull;
// store.ErrNoSpace.
func WriteResultTx(
	ctx context.Context, s *store.Store, tx *store.TenantTx, m store.Multiplication, maxReserved int64,
) error {
	plan := m.Plan()
	if plan.Parts() > 1 {
		if known, err := tx.Tx().KnowParts(ctx); err != nil || !known {
			return cmp.Or(err, ErrOlderProcesses)
		}
	}
	result := Result(m.C, m.ResultShape(), plan, m.TilesTotal)
	if result.InBlocks() {
		if err := s.CheckSpace(0); err != nil { // Reserve is about how much the result takes
			return err
		}
	}
	if _, err := tx.InsertMatrix(ctx, result); err != nil || m.TilesTotal == 0 {
		return err
	}
	return tx.Tx().Reserve(ctx, m.ID, plan, m.DType, maxReserved)
}

package store

import (
	"context"
	"encoding"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks/cut"
)

// Mark is a place in an upload from which it can go on, perhaps in another process.
type Mark struct {
	Bytes  int64  // of the content before it, all of it in blocks
	Digest []byte // the state of the digest; nil in Fortran order

	blocks int // how many of the blocks before it were written by this Upload
}

// PutTimeout is how long a block of an upload may take to be written that can go on: the next request waits for it.
const PutTimeout = 15 * time.Second

// ContinueUpload goes on with an upload of a known shape from a mark, or begins it when that is zero. Its matrix gets
// the id, and is in blocks although it may be small. The caller renews it, and sees to it that no other process writes
// it. Its row lives for some time. Errors: ErrNotFound if it does not any more.
func (t Tenant) ContinueUpload(
	ctx context.Context, id uuid.UUID, shape matrix.Shape, fortran bool, from Mark, life time.Duration,
) (*Upload, error) {
	u := t.NewUpload(ctx, shape, fortran, FromUpload)
	u.matrix.ID = id
	if err := u.reserve(); err != nil {
		return nil, err
	}
	if err := u.restore(from, life); err != nil {
		u.release()
		return nil, fmt.Errorf("going on with an upload: %w", err)
	}
	grid := u.grid()
	u.matrix.BlockRows = grid.BlockRows
	u.matrix.BlockCols = grid.BlockCols
	u.blocks = cut.NewWriter(ctx, t.store.Blocks, id, grid, shape.DType, fortran)
	u.blocks.PutTimeout = PutTimeout
	u.blocks.Skip(from.Bytes)
	return u, nil
}

// restore makes the row of an upload, or looks that it is there, and brings the digest to where it was.
func (u *Upload) restore(from Mark, life time.Duration) error {
	if from.Bytes > 0 {
		if u.digest != nil {
			//nolint:forcetypeassert // documented by sha256.New
			if err := u.digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(from.Digest); err != nil {
				return fmt.Errorf("the state of the digest: %w", err)
			}
		}
		n, err := u.store.db.RenewUpload(u.ctx, life, u.matrix.ID)
		if err == nil && n == 0 {
			err = fmt.Errorf("upload %s: %w", u.matrix.ID, ErrNotFound)
		}
		return err
	}
	if err := u.store.CheckSpace(u.matrix.Shape().Bytes()); err != nil {
		return err
	}
	if _, err := u.store.db.DeleteUpload(u.ctx, u.matrix.ID); err != nil { // of an attempt that came to nothing
		return err
	}
	row := u.matrix
	row.BlockRows = u.grid().BlockRows
	row.BlockCols = u.grid().BlockCols
	_, err := insertMatrix(u.ctx, u.store.db, row, life)
	return err
}

// Next returns how many bytes are missing to the next place for a mark; 0 at the end.
func (u *Upload) Next() int64 { return u.blocks.Next() }

// Mark returns the present place, one that Next has told. It is good once Flush has succeeded with it.
func (u *Upload) Mark(bytes int64) (Mark, error) {
	m := Mark{
		Bytes:  bytes,
		blocks: u.blocks.Blocks(),
	}
	if u.digest == nil {
		return m, nil
	}
	state, err := u.digest.(encoding.BinaryMarshaler).MarshalBinary() //nolint:forcetypeassert // as in restore
	m.Digest = state
	return m, err
}

// Flush waits until the blocks before a mark of this Upload are in the block store. Those behind it are written
// meanwhile.
func (u *Upload) Flush(m Mark) error { return u.blocks.Flush(m.blocks) }

// Suspend ends the upload in this process, and leaves what is written to another one that goes on.
func (u *Upload) Suspend() {
	u.blocks.Abort()
	u.release()
}

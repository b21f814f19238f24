package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/internal/db"
)

// Close ends the content after the last element: all of it is stored or, if it is small, in the matrix that is
// returned, which is not ready before FinishTx.
func (u *Upload) Close() (Matrix, error) {
	defer func() { u.release() }()
	if u.held.Size() > 0 {
		if err := u.closeHeld(); err != nil {
			return Matrix{}, err
		}
	}
	if u.blocks == nil {
		return u.closeSmall()
	}
	rows, err := u.blocks.Close()
	if err != nil {
		return Matrix{}, err
	}
	u.matrix.Rows = rows
	if err := u.closeDigest(); err != nil {
		return Matrix{}, err
	}
	return u.matrix, u.lookForSame()
}

// lookForSame looks whether the blocks of the matrices are there that should have the same content. It is done before
// the transaction, which would wait for the block store otherwise.
func (u *Upload) lookForSame() error {
	owners, err := u.store.db.ListContentOwners(u.ctx, u.matrix.Digest, u.matrix.TenantID)
	if err != nil {
		return fmt.Errorf("looking for the same content: %w", err)
	}
	for _, o := range owners {
		grid := matrix.Grid{
			Rows:      o.Rows,
			Cols:      o.Cols,
			BlockRows: o.BlockRows,
			BlockCols: o.BlockCols,
		}
		n, err := u.store.Blocks.Count(u.ctx, o.Owner)
		if err != nil {
			return err
		}
		if n < grid.Blocks() {
			u.missing = append(u.missing, o.Owner)
		}
	}
	return nil
}

// closeHeld hashes what is in memory, now that its shape is known, and begins to write it.
func (u *Upload) closeHeld() error {
	u.matrix.Rows = int64(len(u.head)+u.held.Size()) / (u.matrix.Cols * int64(u.matrix.DType.Size()))
	u.beginDigest()
	u.digest.Write(u.head)
	u.held.Each(func(p []byte) { u.digest.Write(p) })
	return u.spill()
}

// closeSmall ends an upload whose content fits into a row. It is hashed when it gets one: an inline multiplication has
// none for its operands.
func (u *Upload) closeSmall() (Matrix, error) {
	m := &u.matrix
	row := m.Cols * int64(m.DType.Size())
	switch {
	case m.Rows < 0 && row > 0:
		m.Rows = int64(len(u.head)) / row
	case m.Rows < 0:
		m.Rows = 0
	}
	if want := m.Shape().Bytes(); int64(len(u.head)) != want {
		return Matrix{}, fmt.Errorf("%w: %s takes %d bytes, there are %d", matrix.ErrMalformed, m.Shape(), want, len(u.head))
	}
	m.Content = u.head
	if u.fortran {
		m.Content = make([]byte, len(u.head))
		matrix.Transpose(m.Content, u.head, m.Rows, m.DType)
	}
	return *m, nil
}

// closeDigest hashes a content in blocks after the fact when that could not be done on the way.
func (u *Upload) closeDigest() error {
	if u.digest == nil {
		u.digest = sha256.New()
		if err := u.store.hashFile(u.ctx, u.digest, u.matrix); err != nil {
			return err
		}
	}
	u.matrix.Digest = u.digest.Sum(nil)
	return nil
}

// FinishTx makes the matrix ready in the transaction that makes use of it, after Close. If the tenant has a matrix with
// the same content in blocks, both share its blocks from now on.
//
// A shared block outlives the matrices that it belongs to. The matrix that is found is locked until this transaction
// has committed, so that it cannot be deleted; if it shares the blocks of another one itself, the foreign key of its
// row keeps that one. A transaction that deletes the owner of the blocks locks it against the foreign keys of others
// before it looks for them, and keeps the row while there are any. The blocks of a deleted row belong to no other
// matrix, then or later, since sharing them requires a row.
func (u *Upload) FinishTx(ctx context.Context, tx *Tx) (Matrix, error) {
	if !u.matrix.InBlocks() {
		m := u.matrix
		m.State = Ready
		m.Digest = npy.Digest(m.Shape(), m.Content)
		return insertMatrix(ctx, tx.db, m, tx.store.Retention)
	}
	p := db.FinishUploadParams{
		ID:        u.matrix.ID,
		Rows:      u.matrix.Rows,
		Digest:    u.matrix.Digest,
		BlockRows: u.matrix.BlockRows,
		BlockCols: u.matrix.BlockCols,
		Retention: u.store.Retention,
	}
	if err := tx.db.LockContent(ctx, contentLock(p.Digest, u.matrix.TenantID)); err != nil {
		return Matrix{}, fmt.Errorf("waiting for uploads of the same content: %w", err)
	}
	missing := append([]uuid.UUID{}, u.missing...) // not null
	same, err := tx.db.FindContent(ctx, db.FindContentParams{
		Digest:       p.Digest,
		TenantID:     u.matrix.TenantID,
		Missing:      missing,
		SharingSince: sharingSince,
	})
	switch {
	case err == nil:
		p.ContentID = &same.Owner
		p.BlockRows = same.BlockRows
		p.BlockCols = same.BlockCols
	case !errors.Is(err, pgx.ErrNoRows):
		return Matrix{}, fmt.Errorf("looking for the same content: %w", err)
	}
	if err := healTx(ctx, tx, p, u.matrix.TenantID, missing); err != nil {
		return Matrix{}, err
	}
	u.copied = p.ContentID != nil
	row, err := tx.db.FinishUpload(ctx, p)
	return newMatrix(row), NotFound(err, "upload", p.ID)
}

// contentLock returns the key of the advisory lock under which uploads of a content end that are of one tenant. Of the
// default tenant it is that of the version before.
func contentLock(digest []byte, t identity.TenantID) int64 {
	const odd = 0x9e37_79b9_7f4a_7c15                     // spreads small numbers over all bits
	other := uint64(t-identity.DefaultTenant) * odd       //nolint:gosec // any bits
	return int64(binary.BigEndian.Uint64(digest) ^ other) //nolint:gosec // any 64 bits of it
}

// healTx lets the matrices of a tenant with the same content whose blocks are missing or damaged share those of an
// upload.
func healTx(
	ctx context.Context, tx *Tx, p db.FinishUploadParams, tenant identity.TenantID, missing []uuid.UUID,
) error {
	healer := p.ID
	if p.ContentID != nil {
		healer = *p.ContentID
	}
	_, err := tx.db.HealContents(ctx, db.HealContentsParams{
		Healer:       healer,
		BlockRows:    p.BlockRows,
		BlockCols:    p.BlockCols,
		Digest:       p.Digest,
		TenantID:     tenant,
		Missing:      missing,
		SharingSince: sharingSince,
	})
	if err != nil {
		return fmt.Errorf("healing matrices with the same content: %w", err)
	}
	return nil
}

// sharingSince is the schema version from which on processes read contents that are shared.
const sharingSince = 3

// abortTimeout bounds how long the blocks of an upload are deleted. What is left is swept.
const abortTimeout = 15 * time.Second

// DropCopy deletes the blocks whose content FinishTx has found in the store, after the commit. What it leaves is swept.
func (u *Upload) DropCopy() error {
	u.dead()
	if !u.copied {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
	defer cancel()
	return u.store.Blocks.Delete(ctx, u.matrix.ID)
}

// Abort gives up the upload and deletes what it has written, unless a transaction with FinishTx was committed
// although its outcome is unknown.
func (u *Upload) Abort() error {
	u.dead()
	defer func() { u.release() }()
	if u.blocks == nil {
		return nil
	}
	u.blocks.Abort()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
	defer cancel()
	n, err := u.store.db.DeleteUpload(ctx, u.matrix.ID)
	if err != nil {
		return fmt.Errorf("deleting upload %s: %w", u.matrix.ID, err)
	}
	if n == 0 {
		return nil
	}
	return u.store.Blocks.Delete(ctx, u.matrix.ID)
}

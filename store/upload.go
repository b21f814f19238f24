package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/blocks/cut"
	"github.com/millrace/millrace/store/memory"
)

// Upload receives the content of a new matrix. Small contents stay in memory; larger ones are cut into blocks, of
// which one stripe is in memory. It is not safe for concurrent use.
//
// It ends in one of two ways: by Close, FinishTx in the transaction that makes use of the matrix, and DropCopy after
// the commit; or by Abort.
type Upload struct {
	store    *Store
	ctx      context.Context //nolint:containedctx // an Upload lives as long as the request that makes it, as an io.Writer
	matrix   Matrix
	fortran  bool
	head     []byte
	held     memory.Chunks // what follows head while it is not known how the hash begins
	blocks   *cut.Writer   // nil while the content is small
	release  func()        // gives back the memory, if some is reserved
	reserved bool
	digest   hash.Hash   // nil when the content does not come in the order in which it is hashed
	copied   bool        // others hold the same content, so that the blocks are of no use
	missing  []uuid.UUID // matrices that should hold the same content, but whose blocks are not there
	dead     func()      // ends the renewals

	tiny [tinyContent]byte // memory for head
}

// tinyContent is the size of a content for which no memory is allocated, in bytes.
const tinyContent = 64

// NewUpload begins a matrix whose elements will be written in C order, or in Fortran order when fortran is set. Of a
// shape with Rows < 0, which only C order may have, the rows are counted as they come.
func (t Tenant) NewUpload(ctx context.Context, shape matrix.Shape, fortran bool, source MatrixSource) *Upload {
	u := &Upload{
		store:   t.store,
		ctx:     ctx,
		fortran: fortran,
		release: func() {},
		dead:    func() {},
		matrix: Matrix{
			ID:       NewID(),
			TenantID: t.id,
			Rows:     shape.Rows,
			Cols:     shape.Cols,
			DType:    shape.DType,
			Source:   source,
			State:    Uploading,
		},
	}
	if !fortran && shape.Rows >= 0 {
		u.beginDigest()
	}
	return u
}

// beginDigest begins to hash the content as a .npy file, once its shape is known.
func (u *Upload) beginDigest() {
	u.digest = sha256.New()
	u.digest.Write(npy.AppendHeader(nil, u.matrix.Shape()))
}

// maxHeld is how much of a content is kept in memory whose number of rows, with which the hash begins, is not known
// yet. Less is hashed without being read back from the block store. It takes about as much memory as blocks on their
// way do.
const maxHeld = 8 << 20

// Write takes the next elements, as little-endian bytes.
func (u *Upload) Write(p []byte) (int, error) {
	if u.digest != nil {
		u.digest.Write(p)
	}
	switch size := len(u.head) + u.held.Size() + len(p); {
	case u.blocks != nil:
		return u.blocks.Write(p)
	case size <= MaxInline:
		if len(p) > 0 && len(u.head) == 0 {
			u.head = u.tiny[:0]
		}
		u.head = append(u.head, p...)
		return len(p), nil
	case u.digest == nil && !u.fortran && size <= maxHeld:
		if err := u.reserve(); err != nil {
			return 0, err
		}
		return u.held.Write(p)
	}
	if err := u.spill(); err != nil {
		return 0, err
	}
	return u.blocks.Write(p)
}

// grid returns how the content is cut into blocks.
func (u *Upload) grid() matrix.Grid {
	if u.fortran {
		return matrix.ColumnGridFor(u.matrix.Shape())
	}
	return matrix.GridFor(u.matrix.Shape())
}

// reserve waits for the memory that the upload will take. It reserves everything at once: reserving in steps could
// deadlock.
func (u *Upload) reserve() error {
	if u.reserved {
		return nil
	}
	release, err := u.store.reserveMatrix(u.ctx, uploadMemory(u.matrix.Shape(), u.fortran))
	if err != nil {
		return err
	}
	u.Reserved(release)
	return nil
}

// Reserved tells the upload that its memory has been reserved, and how it is given back.
func (u *Upload) Reserved(release func()) {
	u.reserved = true
	u.release = release
}

// renewals is how often an upload is renewed within its life.
const renewals = 10

// renew keeps the row of the upload from expiring for as long as the upload is not over: its client may be slow, and
// may have another matrix to send. When the process dies, the row expires and the blocks are swept.
func (u *Upload) renew() {
	ctx, cancel := context.WithCancel(u.ctx)
	u.dead = cancel
	interval := u.store.UploadLife / renewals
	go loop.Every(ctx, interval, func(ctx context.Context) {
		ctx, done := context.WithTimeout(ctx, interval)
		defer done()
		// An error is of no consequence, unless all that follow fail, too; then FinishTx does not find the row.
		_, _ = u.store.db.RenewUpload(ctx, u.store.UploadLife, u.matrix.ID)
	})
}

// spill begins to write blocks. The row is written first: blocks that no row owns are swept.
func (u *Upload) spill() error {
	if err := u.reserve(); err != nil {
		return err
	}
	if err := u.store.CheckSpace(max(0, u.matrix.Shape().Bytes())); err != nil {
		return fmt.Errorf("beginning an upload: %w", err)
	}
	grid := u.grid()
	row := u.matrix
	row.BlockRows = grid.BlockRows
	row.BlockCols = grid.BlockCols
	row.Rows = max(row.Rows, 0) // not known yet
	if _, err := insertMatrix(u.ctx, u.store.db, row, u.store.UploadLife); err != nil {
		return fmt.Errorf("beginning an upload: %w", err)
	}
	u.renew()
	u.matrix.BlockRows = grid.BlockRows
	u.matrix.BlockCols = grid.BlockCols
	u.blocks = cut.NewWriter(u.ctx, u.store.Blocks, row.ID, grid, row.DType, u.fortran)
	if _, err := u.blocks.Write(u.head); err != nil {
		return err
	}
	u.head = nil
	return u.held.MoveTo(u.blocks)
}

package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/matrix"
)

// blockWriters is how many blocks of one upload are written at a time, while the next ones are filled.
const blockWriters = 4

// putTimeout is how long one block may take to be written.
const putTimeout = 30 * time.Second

// Upload writes the content of a new matrix. Small contents stay in memory until Finish; larger ones are cut into
// blocks, of which one stripe is in memory. It is not safe for concurrent use.
type Upload struct {
	store   *Store
	ctx     context.Context //nolint:containedctx // an Upload lives as long as the request that makes it, as an io.Writer
	matrix  Matrix
	fortran bool
	head    []byte
	blocks  *blockWriter // nil while the content is small
	release func()       // gives back the memory that blocks takes
	digest  hash.Hash    // nil when the content does not come in the order in which it is hashed
}

// NewUpload begins a matrix whose elements will be written in C order, or in Fortran order when fortran is set. Of a
// shape with Rows < 0, which only C order may have, the rows are counted as they come. It must be ended by Finish or
// Abort.
func (s *Store) NewUpload(ctx context.Context, shape matrix.Shape, fortran bool, source MatrixSource) *Upload {
	u := &Upload{store: s, ctx: ctx, fortran: fortran, matrix: Matrix{
		ID: NewID(), Rows: shape.Rows, Cols: shape.Cols, DType: shape.DType, Source: source, State: Uploading,
	}}
	if !fortran && shape.Rows >= 0 {
		u.digest = sha256.New()
		u.digest.Write(matrix.AppendNPYHeader(nil, shape))
	}
	return u
}

// Write takes the next elements, as little-endian bytes.
func (u *Upload) Write(p []byte) (int, error) {
	if u.digest != nil {
		u.digest.Write(p)
	}
	if u.blocks == nil && len(u.head)+len(p) <= MaxInline {
		u.head = append(u.head, p...)
		return len(p), nil
	}
	if u.blocks == nil {
		if err := u.spill(); err != nil {
			return 0, err
		}
	}
	return u.blocks.Write(p)
}

// spill begins to write blocks. The row is written first: blocks that no row owns are swept.
func (u *Upload) spill() error {
	shape := u.matrix.Shape()
	grid := matrix.GridFor(shape)
	if u.fortran {
		grid = matrix.ColumnGridFor(shape)
	}
	u.matrix.BlockRows, u.matrix.BlockCols = grid.BlockRows, grid.BlockCols
	release, err := u.store.memory.reserve(u.ctx, u.memoryFor(grid))
	if err != nil {
		u.matrix.BlockRows = 0 // nothing to remove
		return err
	}
	u.release = sync.OnceFunc(release)
	row := u.matrix
	row.Rows = max(row.Rows, 0) // not known yet
	if _, err := u.store.Insert(u.ctx, row, u.store.Retention); err != nil {
		u.release()
		u.matrix.BlockRows = 0
		return fmt.Errorf("beginning an upload: %w", err)
	}
	u.blocks = newBlockWriter(u.ctx, u.store.Blocks, u.matrix, grid, u.fortran)
	_, err = u.blocks.Write(u.head)
	u.head = nil
	return err
}

// memoryFor returns what the upload holds at most, in bytes: a stripe of blocks and those on their way to the store.
func (u *Upload) memoryFor(grid matrix.Grid) int64 {
	block, stripe := grid.BlockRows*grid.BlockCols, grid.BlockRows*u.matrix.Cols
	if u.fortran {
		stripe = grid.BlockCols * u.matrix.Rows
	}
	if min(grid.BlockRows, grid.BlockCols) == 1 {
		stripe = block // one block at a time
	}
	return (stripe + (blockWriters+1)*block) * int64(u.matrix.DType.Size())
}

// Finish ends the upload after the last element. The matrix is ready; a small one, for which InBlocks is false, is not in
// the database yet: the caller inserts its row.
func (u *Upload) Finish() (Matrix, error) {
	if u.blocks == nil {
		return u.finishSmall()
	}
	defer u.release()
	rows, err := u.blocks.Close()
	if err != nil {
		return Matrix{}, err
	}
	u.matrix.Rows = rows
	if err := u.finishDigest(); err != nil {
		return Matrix{}, err
	}
	m, err := u.store.FinishUpload(u.ctx, FinishUploadParams{
		ID: u.matrix.ID, Rows: u.matrix.Rows, Digest: u.matrix.Digest, Retention: u.store.Retention,
	})
	return m, notFound(err, "upload", u.matrix.ID)
}

func (u *Upload) finishSmall() (Matrix, error) {
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
	m.Content, m.State = u.head, Ready
	if u.fortran {
		m.Content = transpose(u.head, m.Rows, m.Cols, int64(m.DType.Size()))
	}
	return *m, u.finishDigest()
}

// finishDigest hashes the content after the fact when that could not be done on the way.
func (u *Upload) finishDigest() error {
	if u.digest == nil {
		u.digest = sha256.New()
		file := matrix.NewRowReader(u.ctx, u.store.Source(u.matrix), u.matrix.BlockRows)
		defer func() { _ = file.Close() }()
		if _, err := io.Copy(u.digest, file); err != nil {
			return fmt.Errorf("hashing matrix %s: %w", u.matrix.ID, err)
		}
	}
	u.matrix.Digest = u.digest.Sum(nil)
	return nil
}

// Abort gives up the upload and removes what it has written. After Finish it removes the matrix, too.
func (u *Upload) Abort() error {
	if u.blocks == nil {
		return nil
	}
	u.blocks.abort()
	u.release()
	return u.store.Remove(context.WithoutCancel(u.ctx), u.matrix)
}

// transpose returns the row-major form of a column-major content.
func transpose(columns []byte, rows, cols, size int64) []byte {
	out := make([]byte, len(columns))
	for i := range rows {
		for j := range cols {
			copy(out[(i*cols+j)*size:][:size], columns[(j*rows+i)*size:])
		}
	}
	return out
}

// blockWriter cuts elements into blocks and stores them, several at a time.
type blockWriter struct {
	striper *matrix.Striper
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // see Upload
	cancel  context.CancelFunc
}

func newBlockWriter(ctx context.Context, blocks Blocks, m Matrix, grid matrix.Grid, fortran bool) *blockWriter {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(blockWriters)
	w := &blockWriter{group: group, ctx: ctx, cancel: cancel}
	w.striper = matrix.NewStriper(grid, m.DType, fortran, func(index int64, block []byte) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		group.Go(func() error {
			defer w.striper.Recycle(block)
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			// What has begun is brought to its end: of a statement that is cancelled nobody knows whether, and when, the
			// database still commits it, perhaps after Abort has removed the others.
			putting, done := context.WithTimeout(context.WithoutCancel(ctx), putTimeout)
			defer done()
			return blocks.Put(putting, m.ID, index, block)
		})
		return nil
	})
	return w
}

func (w *blockWriter) Write(p []byte) (int, error) { return w.striper.Write(p) }

// Close writes what is left and returns how many rows there were.
func (w *blockWriter) Close() (int64, error) {
	defer w.cancel()
	err := w.striper.Close()
	if e := w.group.Wait(); e != nil {
		err = e // the cause; what the striper said follows from it
	}
	return w.striper.Rows(), err
}

func (w *blockWriter) abort() {
	w.cancel()
	_ = w.group.Wait()
}

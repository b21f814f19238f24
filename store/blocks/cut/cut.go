// Package cut writes a stream of elements into a block store.
package cut

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks"
)

// Writers is how many blocks of one matrix are written at a time, while the next ones are filled.
const Writers = 4

// maxBegun is how many blocks a crash may take back: syncing them takes less than PutTimeout.
const maxBegun = 256

// PutTimeout is how long one block may take to be written, unless a Writer has another limit.
const PutTimeout = 30 * time.Second

// Writer cuts elements into blocks and stores them, several at a time.
type Writer struct {
	*matrix.Striper
	store   blocks.Store
	owner   uuid.UUID
	group   *errgroup.Group
	pending sync.WaitGroup  // blocks that are not in the store yet
	begun   []int64         // the indexes of those that a crash may take back
	whole   context.Context //nolint:containedctx // a Writer lives as long as the request that makes it, as an io.Writer
	ctx     context.Context //nolint:containedctx // ends with whole, with the first error, and when all are written
	cancel  context.CancelFunc

	// PutTimeout is how long one block may take to be written.
	PutTimeout time.Duration
}

// NewWriter returns a Writer of the blocks of a matrix, whose elements come in Fortran order if fortran is set.
func NewWriter(
	ctx context.Context, store blocks.Store, owner uuid.UUID, grid matrix.Grid, dtype matrix.DType, fortran bool,
) *Writer {
	whole, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(whole)
	group.SetLimit(Writers)
	w := &Writer{
		store:      store,
		owner:      owner,
		group:      group,
		whole:      whole,
		ctx:        ctx,
		cancel:     cancel,
		PutTimeout: PutTimeout,
	}
	w.Striper = matrix.NewStriper(grid, dtype, fortran, func(index int64, block []byte) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if len(w.begun) == maxBegun {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		w.pending.Add(1)
		w.begun = append(w.begun, index)
		group.Go(func() error {
			defer w.pending.Done()
			defer w.Recycle(block)
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			// A write that has begun is brought to its end. The database may still commit a statement that was cancelled,
			// perhaps after Abort has deleted the other blocks.
			putting, done := context.WithTimeout(context.WithoutCancel(ctx), w.PutTimeout)
			defer done()
			return store.Put(putting, owner, index, block)
		})
		return nil
	})
	return w
}

// Flush waits until all blocks that are complete are in the store, and survive a crash.
func (w *Writer) Flush() error {
	w.pending.Wait()
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return w.sync()
}

// sync makes the blocks that were written survive a crash.
func (w *Writer) sync() error {
	if len(w.begun) == 0 {
		return nil
	}
	ctx, done := context.WithTimeout(w.whole, w.PutTimeout)
	defer done()
	err := w.store.Sync(ctx, w.owner, w.begun)
	if err == nil {
		w.begun = w.begun[:0]
	}
	return err
}

// Close writes what is left and returns how many rows there were.
func (w *Writer) Close() (int64, error) {
	defer w.cancel()
	err := w.Striper.Close()
	if e := w.group.Wait(); e != nil { //house:ignore bound each write has PutTimeout
		err = e // the cause; what the striper said follows from it
	}
	if err == nil {
		err = w.sync()
	}
	return w.Rows(), err
}

// Abort gives up what is not written yet.
func (w *Writer) Abort() {
	w.cancel()
	_ = w.group.Wait() //house:ignore bound the context of the writes was cancelled
}

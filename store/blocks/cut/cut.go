// Package cut writes a stream of elements into a block store.
package cut

import (
	"context"
	"slices"
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
	store  blocks.Store
	owner  uuid.UUID
	group  *errgroup.Group
	begun  []*begun        // the blocks that a crash may take back, in the order in which they came
	synced int             // how many came before them
	whole  context.Context //nolint:containedctx // a Writer lives as long as the request that makes it, as an io.Writer
	ctx    context.Context //nolint:containedctx // ends with whole, with the first error, and when all are written
	cancel context.CancelFunc

	// PutTimeout is how long one block may take to be written.
	PutTimeout time.Duration
}

// begun is a block that is written.
type begun struct {
	index int64
	done  chan struct{} // is closed when it is in the store, or will not be
	err   error         // why it will not be
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
			if err := w.Flush(w.synced + maxBegun/2); err != nil {
				return err
			}
		}
		b := &begun{index: index, done: make(chan struct{})}
		w.begun = append(w.begun, b)
		group.Go(func() error {
			defer close(b.done)
			defer w.Recycle(block)
			b.err = w.put(index, block)
			return b.err
		})
		return nil
	})
	return w
}

// put stores a block. A write that has begun is brought to its end: the database may still commit a statement that was
// cancelled, perhaps after Abort has deleted the other blocks.
func (w *Writer) put(index int64, block []byte) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), w.PutTimeout)
	defer cancel()
	return w.store.Put(ctx, w.owner, index, block)
}

// Blocks returns how many blocks are complete.
func (w *Writer) Blocks() int { return w.synced + len(w.begun) }

// Flush waits until the first n blocks are in the store, and survive a crash. Those that follow are written meanwhile.
func (w *Writer) Flush(n int) error {
	first := w.begun[:max(0, n-w.synced)]
	for _, b := range first {
		if <-b.done; b.err != nil { // each write has PutTimeout
			return b.err
		}
	}
	return w.sync(first)
}

// sync makes the first blocks of w.begun survive a crash, which are in the store.
func (w *Writer) sync(first []*begun) error {
	if len(first) == 0 {
		return nil
	}
	indexes := make([]int64, len(first))
	for i, b := range first {
		indexes[i] = b.index
	}
	ctx, done := context.WithTimeout(w.whole, w.PutTimeout)
	defer done()
	err := w.store.Sync(ctx, w.owner, indexes)
	if err == nil {
		w.begun = slices.Delete(w.begun, 0, len(first))
		w.synced += len(first)
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
		err = w.sync(w.begun)
	}
	return w.Rows(), err
}

// Abort gives up what is not written yet.
func (w *Writer) Abort() {
	w.cancel()
	_ = w.group.Wait() //house:ignore bound the context of the writes was cancelled
}

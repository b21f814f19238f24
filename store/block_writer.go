package store

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks"
)

// blockWriters is how many blocks of one upload are written at a time, while the next ones are filled.
const blockWriters = 4

// putTimeout is how long one block may take to be written.
const putTimeout = 30 * time.Second

// blockWriter cuts elements into blocks and stores them, several at a time.
type blockWriter struct {
	striper *matrix.Striper
	group   *errgroup.Group
	ctx     context.Context //nolint:containedctx // see Upload
	cancel  context.CancelFunc
}

func newBlockWriter(ctx context.Context, store blocks.Store, m Matrix, grid matrix.Grid, fortran bool) *blockWriter {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(blockWriters)
	w := &blockWriter{
		group:  group,
		ctx:    ctx,
		cancel: cancel,
	}
	w.striper = matrix.NewStriper(grid, m.DType, fortran, func(index int64, block []byte) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		group.Go(func() error {
			defer w.striper.Recycle(block)
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			// A write that has begun is brought to its end. The database may still commit a statement that was cancelled,
			// perhaps after Abort has deleted the other blocks.
			putting, done := context.WithTimeout(context.WithoutCancel(ctx), putTimeout)
			defer done()
			return store.Put(putting, m.ID, index, block)
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
	if e := w.group.Wait(); e != nil { //house:ignore bound each write has putTimeout
		err = e // the cause; what the striper said follows from it
	}
	return w.striper.Rows(), err
}

func (w *blockWriter) abort() {
	w.cancel()
	_ = w.group.Wait() //house:ignore bound each write has putTimeout
}

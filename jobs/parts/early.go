package parts

import (
	"context"

	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// Early stores rows of a tile while the rows below them are computed. It is a tile.Taker. What it could not store, for
// whatever reason, is left to Write.
type Early struct {
	ctx   context.Context //nolint:containedctx // that of the attempt at the tile, as long as which an Early lives
	store *store.Store
	m     store.MultiplicationWithMatrices

	last   chan struct{} // closed when what was taken last is stored, or is not: then the rest may be looked at
	stored int64         // rows that survive a crash, from the first on
	failed bool
}

// NewEarly returns what stores rows of a tile, until the context ends.
func NewEarly(ctx context.Context, s *store.Store, m store.MultiplicationWithMatrices) *Early {
	last := make(chan struct{})
	close(last)
	return &Early{
		ctx:   ctx,
		store: s,
		m:     m,
		last:  last,
	}
}

// Take implements tile.Taker: it stores rows after those that were taken before.
func (e *Early) Take(rows matrix.Rect, elements []byte) {
	before := e.last
	done := make(chan struct{})
	e.last = done
	go func() {
		defer close(done)
		<-before
		e.write(rows, elements)
	}()
}

// write stores rows, unless what is above them could not be stored.
func (e *Early) write(rows matrix.Rect, elements []byte) {
	if e.failed {
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, persist.Timeout)
	defer cancel()
	if place(e.store, e.m, rows).Write(ctx, elements) != nil {
		e.failed = true // Write finds out why
		return
	}
	e.stored += rows.Rows
}

// Wait implements tile.Taker.
func (e *Early) Wait() {
	<-e.last // each write has persist.Timeout
}

// Write stores what is left of a tile, all of which survives a crash then. After an error the next Write begins again,
// since what was stored before may be gone.
func (e *Early) Write(ctx context.Context, tile matrix.Rect, elements []byte) error {
	e.Wait()
	stored := e.stored
	e.stored = 0
	if stored < tile.Rows {
		rest := tile
		rest.Row += stored
		rest.Rows -= stored
		elements = elements[stored*tile.Cols*int64(e.m.C.DType.Size()):]
		if err := place(e.store, e.m, rest).Write(ctx, elements); err != nil {
			return err
		}
	}
	e.stored = tile.Rows
	return nil
}

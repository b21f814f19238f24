package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

const (
	// QueueSmall is for products that cost less than 10 ms as a whole: they are never stuck behind large ones.
	QueueSmall = "small"
	// QueueTiles is for the tiles of all other products.
	QueueTiles = "tiles"

	// maxAttempts is how often a tile is tried before its product fails.
	maxAttempts = 10
	// tileTimeout ends a tile that hangs. The slowest honest one, on the built-in kernel, takes about a minute.
	tileTimeout = 15 * time.Minute
	// finishTimeout bounds how long a computed tile is tried to be stored while its process is told to stop.
	finishTimeout = 30 * time.Second
)

// TileArgs is one tile of a product: a bounded piece of work. Numbers never travel in args.
type TileArgs struct {
	MultiplicationID uuid.UUID `json:"multiplication_id"`
	Tile             int64     `json:"tile"`
}

// Kind implements river.JobArgs.
func (TileArgs) Kind() string { return "multiply_tile" }

// tileWorker computes tiles.
type tileWorker struct {
	river.WorkerDefaults[TileArgs]
	store   *store.Store
	client  *Client
	engine  *tile.Engine
	changes *watch.Announcer
	metrics *metrics
}

// Timeout implements river.Worker.
func (w *tileWorker) Timeout(*river.Job[TileArgs]) time.Duration { return tileTimeout }

// Work implements river.Worker: it reads the operands block by block, multiplies, checks, stores the tile, and then
// completes the job in the transaction that counts the tile. To do so twice is harmless.
func (w *tileWorker) Work(ctx context.Context, job *river.Job[TileArgs]) error {
	if counted(job.JobRow) {
		return nil
	}
	p, err := w.product(ctx, job)
	if err != nil || p.State == store.Completed {
		return err
	}
	if p.State == store.Pending && job.Queue != QueueSmall { // a small one ends before anybody could look
		started, err := w.store.StartMultiplication(ctx, p.ID)
		if err != nil {
			return fmt.Errorf("starting multiplication %s: %w", p.ID, err)
		}
		if started > 0 {
			w.changes.Changed(p.ID)
		}
	}
	if job.Args.Tile < 0 || job.Args.Tile >= p.TilesTotal {
		return fmt.Errorf("%w: tile %d of %d", errPermanent, job.Args.Tile, p.TilesTotal)
	}
	rect := p.Plan().Tile(job.Args.Tile)
	computed, err := w.engine.MultiplyTile(ctx, w.store.Source(p.A), w.store.Source(p.B), rect, p.DType)
	if err != nil {
		return fmt.Errorf("multiplying tile %d: %w", job.Args.Tile, err)
	}
	defer computed.Release()
	w.metrics.tile(computed.Stats)
	return w.finish(ctx, job, p, rect, computed.Bytes())
}

// product returns what the job is a tile of. One that has ended wants no more tiles, unless the job was retried by hand.
func (w *tileWorker) product(ctx context.Context, job *river.Job[TileArgs]) (store.Product, error) {
	p, err := w.store.Product(ctx, job.Args.MultiplicationID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, river.JobCancel(errors.New("the multiplication has been deleted"))
	case err != nil:
		return p, fmt.Errorf("reading multiplication %s: %w", job.Args.MultiplicationID, err)
	case p.State == store.Failed || p.State == store.Cancelled:
		return w.client.resume(ctx, job.JobRow, p)
	}
	return p, nil
}

// finish stores a computed tile. It outlives the order to stop: the work is done and worth keeping.
func (w *tileWorker) finish(ctx context.Context, job *river.Job[TileArgs], p store.Product, rect matrix.Rect, c []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	product := store.CompleteProductParams{Retention: w.store.Retention}
	if p.C.InBlocks() {
		if err := w.store.WriteRect(ctx, p.C, rect, c); err != nil {
			return fmt.Errorf("storing tile %d: %w", job.Args.Tile, err)
		}
	} else {
		product.Content, product.Digest = c, store.Digest(p.C.Shape(), c)
	}
	var state store.State
	err := w.store.InTx(ctx, func(_ pgx.Tx, q *store.Queries) (err error) {
		state, err = completeTileTx(ctx, q, job, p.TilesTotal > 1, product)
		return err
	})
	if errors.Is(err, ErrFinal) {
		// Cancelled meanwhile: a job that River called completed would be missing when the product is retried. Or another
		// worker has done the same tile: then the job is completed, and stays so.
		return river.JobCancel(err)
	}
	if err != nil {
		return fmt.Errorf("completing tile %d: %w", job.Args.Tile, err)
	}
	if state.Final() {
		w.metrics.completion(p.Multiplication)
		w.changes.Ended(p.ID)
	} else {
		w.changes.Changed(p.ID)
	}
	return nil
}

// completeTileTx counts the tile and completes its job; the last tile completes the product, whose content is given
// with its digest when it lives in its row. It returns the state that the product is in then. The row of the product is locked
// before that of the job, everywhere, so that nothing deadlocks.
// It accepts the tile from a worker whose job was given to another one meanwhile: the tile is as good as the other's,
// the job is completed once, and the count stays exact.
func completeTileTx(
	ctx context.Context, q *store.Queries, job *river.Job[TileArgs], several bool, product store.CompleteProductParams,
) (store.State, error) {
	counted, err := q.CountTile(ctx, job.AttemptedAt, product.Retention, job.Args.MultiplicationID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrFinal
	}
	if err != nil {
		return "", err
	}
	completed, err := q.CompleteTileJob(ctx, several, job.ID)
	if err != nil {
		return "", err
	}
	if completed == 0 {
		return "", ErrFinal // rolls the count back
	}
	if counted.State != store.Completed {
		return counted.State, nil
	}
	product.ID = counted.C
	return counted.State, q.CompleteProduct(ctx, product)
}

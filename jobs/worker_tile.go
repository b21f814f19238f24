package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/parts"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/backoff"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/outputs"
)

// resumePause is how long a job that was retried by hand waits for the other tiles of its multiplication to stop.
const resumePause = time.Second

// errSuperseded means that an attempt at a tile is of no use: its multiplication has finished, or the tile was counted.
var errSuperseded = errors.New("the tile is not needed any more")

// TileArgs is one tile of a multiplication: a bounded piece of work. Numbers of matrices do not travel in args.
type TileArgs struct {
	MultiplicationID uuid.UUID `json:"multiplication_id"`
	Tile             int64     `json:"tile"`
}

// Kind implements river.JobArgs.
func (TileArgs) Kind() string { return "multiply_tile" }

// tileWorker computes tiles.
type tileWorker struct {
	river.WorkerDefaults[TileArgs]
	client *Client
	engine *tile.Engine
}

// Timeout implements river.Worker.
func (w *tileWorker) Timeout(*river.Job[TileArgs]) time.Duration {
	return cmp.Or(w.client.config.Timeout, queue.MaxTileTimeout)
}

// Work implements river.Worker. What ends because the database is unavailable is no attempt.
func (w *tileWorker) Work(ctx context.Context, job *river.Job[TileArgs]) error {
	defer told.HidePanic()
	return told.ForClients(w.client.postpone(ctx, job.JobRow, w.work(ctx, job)))
}

// work reads the operands block by block, multiplies, checks, stores the tile, and then
// completes the job in the transaction that counts the tile. To do so twice is harmless.
func (w *tileWorker) work(ctx context.Context, job *river.Job[TileArgs]) error {
	if queue.Counted(job.JobRow) {
		return nil
	}
	m, err := w.load(ctx, job)
	if err != nil || State(m.Multiplication.State) == Completed {
		return err
	}
	measure.Trace(ctx, m.Multiplication)
	if err := w.start(ctx, job, m.Multiplication); err != nil {
		return err
	}
	total := m.Multiplication.TilesTotal
	if job.Args.Tile < 0 || job.Args.Tile >= total {
		return fmt.Errorf("%w: tile %d of %d", backoff.ErrPermanent, job.Args.Tile, total)
	}
	if m.Multiplication.Output != nil && job.Args.Tile == total-1 {
		return w.output(ctx, job, m)
	}
	s := w.client.store
	piece := m.Multiplication.Plan().Piece(job.Args.Tile)
	if m.C.InBlocks() {
		if err := s.CheckRoom(piece.Tile.Elements() * int64(m.C.DType.Size())); err != nil { // before it is computed
			return w.waitForRoom(ctx, job, err)
		}
	}
	if piece.IsSum() {
		return w.sum(ctx, job, m, piece)
	}
	write := func(ctx context.Context, c []byte) error { return parts.Write(ctx, s, m, piece, c) }
	multiply := func() (*tile.Tile, error) {
		return w.engine.MultiplyPart(ctx, s.Source(m.A), s.Source(m.B), piece.Tile, piece.From, piece.Depth, m.C.DType)
	}
	if m.C.InBlocks() && m.Multiplication.TileDepth == 0 {
		early := parts.NewEarly(ctx, s, m)
		write = func(ctx context.Context, c []byte) error { return early.Write(ctx, piece.Tile, c) }
		multiply = func() (*tile.Tile, error) {
			return w.engine.MultiplyTo(ctx, s.Source(m.A), s.Source(m.B), piece.Tile, m.C.DType, m.C.BlockRows, early)
		}
	}
	t, err := multiply()
	if err != nil {
		return fmt.Errorf("multiplying tile %d: %w", job.Args.Tile, err)
	}
	defer t.Release()
	w.client.metrics.Tile(ctx, t.Stats)
	return w.finish(ctx, job, m, piece, t.Bytes(), write)
}

// load returns the multiplication that the job is a tile of. One that has finished needs no more tiles, unless a
// person has retried the job.
func (w *tileWorker) load(ctx context.Context, job *river.Job[TileArgs]) (store.MultiplicationWithMatrices, error) {
	id := job.Args.MultiplicationID
	m, err := w.client.store.ForAll().MultiplicationWithMatrices(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return m, river.JobCancel(errors.New("the multiplication was deleted"))
	case err != nil:
		return m, fmt.Errorf("reading multiplication %s: %w", id, err)
	case State(m.Multiplication.State).allows(retry):
		if err := w.resume(ctx, job.JobRow, id); err != nil {
			return m, err
		}
		return w.client.store.ForAll().MultiplicationWithMatrices(ctx, id)
	}
	return m, nil
}

// start makes a pending multiplication InProgress. A small one finishes before a client could look.
func (w *tileWorker) start(ctx context.Context, job *river.Job[TileArgs], m store.Multiplication) error {
	if !State(m.State).allows(start) || job.Queue == queue.Small {
		return nil
	}
	started, err := w.client.store.ForAll().StartMultiplication(ctx, m.ID)
	if err != nil {
		return fmt.Errorf("starting multiplication %s: %w", m.ID, err)
	}
	if started {
		w.client.publisher.Changed(m.ID)
	}
	return nil
}

// finish stores a computed tile, if it is one in blocks by a function. It outlives the order to stop, and a database
// that is unavailable for a while: the work is done and worth keeping.
func (w *tileWorker) finish(
	ctx context.Context, job *river.Job[TileArgs], m store.MultiplicationWithMatrices, piece matrix.Piece, c []byte,
	write func(context.Context, []byte) error,
) error {
	ctx, cancel := persist.Outlast(ctx, persist.Timeout)
	defer cancel()
	var result storedResult
	if m.C.InBlocks() {
		err := persist.Do(ctx, func(ctx context.Context) error { return write(ctx, c) })
		if store.Full(err) {
			return w.waitForRoom(ctx, job, err)
		}
		if err != nil {
			return fmt.Errorf("storing tile %d: %w", job.Args.Tile, err)
		}
	} else {
		result.content = c
		result.digest = npy.Digest(m.C.Shape(), c)
	}
	return w.complete(ctx, job, m, piece, result)
}

// complete counts a piece that is stored.
func (w *tileWorker) complete(
	ctx context.Context, job *river.Job[TileArgs], m store.MultiplicationWithMatrices, piece matrix.Piece, r storedResult,
) error {
	err := persist.Do(ctx, func(ctx context.Context) error {
		return w.client.store.InTx(ctx, func(tx *store.Tx) error { return w.completeTx(ctx, tx, job, r) })
	})
	parts.CleanAfter(ctx, w.client.store, m, piece, err == nil || errors.Is(err, errSuperseded), err == nil, w.client.log)
	if errors.Is(err, errSuperseded) {
		// The multiplication was cancelled meanwhile: a job that River called completed would be missing when it is
		// retried. Or another worker has done the same tile: then the job is completed, and stays so.
		return river.JobCancel(err)
	}
	if store.Full(err) {
		return w.waitForRoom(ctx, job, err)
	}
	if err != nil {
		return fmt.Errorf("completing tile %d: %w", job.Args.Tile, err)
	}
	return nil
}

// fullPause is how long a tile waits for room in the block store before it is tried again.
const fullPause = 15 * time.Second

// waitForRoom puts a tile off for which there is no room. It loses no attempt.
func (w *tileWorker) waitForRoom(ctx context.Context, job *river.Job[TileArgs], err error) error {
	w.client.log.WarnContext(ctx, "a tile waits for room in the block store", "job", job.ID,
		"multiplication", job.Args.MultiplicationID, "error", err)
	return river.JobSnooze(fullPause + rand.N(fullPause)) //nolint:gosec // jitter is no secret
}

// completeTx counts the tile and completes its job, and enqueues more tiles if few are left; the last tile completes
// the multiplication. Errors: errSuperseded, which rolls the count back.
//
// It accepts the tile from a worker whose job was given to another one meanwhile: the tile is as good as the other's,
// the job is completed once, and the count stays exact.
func (w *tileWorker) completeTx(ctx context.Context, tx *store.Tx, job *river.Job[TileArgs], r storedResult) error {
	if r.output != nil {
		if err := outputs.SaveTx(ctx, tx, job.Args.MultiplicationID, *r.output); err != nil {
			return err
		}
	}
	m, active, err := tx.CountTile(ctx, job.Args.MultiplicationID, job.AttemptedAt)
	if err != nil {
		return err
	}
	if !active {
		return errSuperseded
	}
	// The mark is for multiplications of several tiles; one that is a single tile has finished with it.
	completed, err := w.client.queue.CompleteTx(ctx, tx, job.ID, m.TilesTotal > 1)
	if err != nil {
		return err
	}
	if !completed {
		return errSuperseded
	}
	if !m.Finished() {
		tx.AfterCommit(func() { w.client.publisher.Changed(m.ID) })
		return w.client.enqueueNextTx(ctx, tx, newMultiplication(m))
	}
	tx.AfterCommit(func() {
		w.client.countCompletion(newMultiplication(m))
		w.client.logEnd(ctx, newMultiplication(m))
		w.client.publisher.Finished(m.ID)
	})
	if err := w.client.queue.LeaveLineTx(ctx, tx, queue.Group{ID: m.ID}, job.Queue); err != nil {
		return err
	}
	return tx.FinishResult(ctx, m.C, r.content, r.digest)
}

// resume is for a job whose multiplication has failed or was cancelled. When a person has retried the job in River
// UI, which knows nothing of multiplications, the multiplication is retried as by RetryTx; otherwise the job is
// cancelled.
//
// It can be told which: the transaction that ends a multiplication leaves each of its jobs finished or marked as
// cancelled, and a job with that mark does not start again. So an attempt at a job that is not marked has begun after
// the end, by a person. A tile that was merely late is marked.
func (w *tileWorker) resume(ctx context.Context, job *rivertype.JobRow, id uuid.UUID) error {
	err := w.client.store.InTx(ctx, func(tx *store.Tx) error { return w.resumeTx(ctx, tx, job, id) })
	switch {
	case errors.Is(err, errSuperseded):
		return river.JobCancel(errSuperseded)
	case errors.Is(err, ErrActive):
		return river.JobSnooze(resumePause)
	case err != nil:
		return fmt.Errorf("resuming multiplication %s: %w", id, err)
	}
	return nil
}

// resumeTx returns errSuperseded when this attempt is not wanted, and ErrActive while other tiles are about to stop:
// those would be missing when the multiplication goes on.
func (w *tileWorker) resumeTx(ctx context.Context, tx *store.Tx, job *rivertype.JobRow, id uuid.UUID) error {
	m, err := w.client.lockTx(ctx, tx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errSuperseded
	case err != nil:
		return err
	case !m.State.Final(): // another retried tile was faster
		return nil
	case !m.State.allows(retry):
		return errSuperseded
	}
	q := w.client.queue
	wanted, err := q.AttemptIsWantedTx(ctx, tx, job.ID, *job.AttemptedAt)
	if err != nil {
		return err
	}
	if !wanted {
		return errSuperseded
	}
	stopping, err := q.StoppingTx(ctx, tx, m.Jobs)
	if err != nil {
		return err
	}
	if stopping > 0 {
		return ErrActive
	}
	tx.AfterCommit(func() {
		w.client.log.InfoContext(ctx, "a retried job resumes its multiplication", "job", job.ID, "multiplication", id)
	})
	return w.client.reopenTx(ctx, tx, m)
}

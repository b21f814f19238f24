package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/line"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

const (
	// batchTiles is how many jobs are enqueued at once. A submission, which enqueues one batch, takes some milliseconds,
	// and a batch is one statement per some hundred tiles.
	batchTiles = 500
	// fewTiles is how many unfinished tiles with jobs are so few that the next batch is due. It is a batch for workers
	// that are taken up by nothing else, and one on top: 1,000 slots do not run dry. What a cancellation or a retry has to
	// touch is at most fewTiles + batchTiles jobs.
	fewTiles = 2 * batchTiles
	// feedInterval is how often an API looks for multiplications whose next batch is overdue: processes of the version
	// before count tiles without enqueueing any.
	feedInterval = 5 * time.Second
	// feedLimit is how many of them it looks at in one pass; the next one goes on.
	feedLimit = 100
)

// batchDue returns how many tiles of a multiplication are to be enqueued now. The last one of those with an output,
// which writes it, waits for all others.
func batchDue(m Multiplication) int64 {
	if m.State.Final() || m.TilesTotal-m.TilesUnqueued-m.TilesCompleted > fewTiles {
		return 0
	}
	if m.Output != nil && m.TilesCompleted < m.TilesTotal-1 {
		return max(0, min(batchTiles, m.TilesUnqueued-1))
	}
	return min(batchTiles, m.TilesUnqueued)
}

// enqueueBatchTx enqueues the next n tiles of a multiplication, whose row is locked or new, and returns it as it is
// then. They have the multiplication's place in line.
func (c *Client) enqueueBatchTx(ctx context.Context, tx *store.Tx, m Multiplication, n int64) (Multiplication, error) {
	order := orderOf(m)
	order.QueuedAt = &m.CreatedAt
	next := m.TilesTotal - m.TilesUnqueued
	jobs, err := c.queue.EnqueueTx(ctx, tx, m.ID, order, next, next+n-1)
	if err != nil {
		return m, err
	}
	row, err := tx.AddJobBatch(ctx, m.ID, n, jobs.First, jobs.Last)
	if err != nil {
		return m, fmt.Errorf("enqueueing tiles %d to %d: %w", next, next+n-1, err)
	}
	return newMultiplication(row), nil
}

// orderOf says how the tiles of a multiplication are enqueued, at the end of the line.
func orderOf(m Multiplication) queue.Order {
	order := queue.Order{
		Kind:     TileArgs{}.Kind(),
		Queue:    queueOf(m.Plan),
		Priority: m.Priority,
		Across:   m.Plan.PiecesAcross(),
		Title:    fmt.Sprintf("%d×%d times %d×%d, %s", m.Plan.M, m.Plan.K, m.Plan.K, m.Plan.N, m.C.Shape.DType),
		Tenant:   m.Tenant,
	}
	if m.own {
		order.Priority = DefaultPriority
		order.Share = shares[m.Priority]
	}
	if order.Queue == queue.Tiles && m.TilesTotal > 0 {
		order.Cost = line.Cost(matrix.FLOPs(m.Plan.M, m.Plan.K, m.Plan.N) / float64(m.TilesTotal))
	}
	return order
}

// shares are what multiplications get of their tenant's part against each other whose priorities count among these
// only.
var shares = [...]float64{1: 16, 2: 1, 3: 1.0 / 4, 4: 1.0 / 16}

// feed enqueues the batches that are overdue.
func (c *Client) feed(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, persist.Timeout)
	defer cancel()
	starved, err := c.store.Starved(ctx, fewTiles, feedLimit)
	for _, id := range starved {
		err = errors.Join(err, c.store.InTx(ctx, func(tx *store.Tx) error { return c.feedTx(ctx, tx, id) }))
	}
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "enqueueing the next tiles of multiplications", "error", err)
	}
}

// enqueueNextTx enqueues the next batch of a multiplication if it is due. Its row is locked.
func (c *Client) enqueueNextTx(ctx context.Context, tx *store.Tx, m Multiplication) error {
	n := batchDue(m)
	if n == 0 {
		return nil
	}
	_, err := c.enqueueBatchTx(ctx, tx, m, n)
	return err
}

// feedTx enqueues all batches of a multiplication that are due.
func (c *Client) feedTx(ctx context.Context, tx *store.Tx, id uuid.UUID) error {
	m, err := c.lockTx(ctx, tx, id)
	if errors.Is(err, store.ErrNotFound) { // deleted since
		return nil
	}
	for n := batchDue(m); n > 0 && err == nil; n = batchDue(m) {
		m, err = c.enqueueBatchTx(ctx, tx, m, n)
	}
	return err
}

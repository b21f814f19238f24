package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/store"
)

// People retry single jobs in River UI, which knows nothing of products.

// resumePause is how long a job that was retried by hand waits for the other tiles of its product to stop.
const resumePause = time.Second

// counted reports whether the tile is done and counted: its job was completed, and a person has retried it.
func counted(job *rivertype.JobRow) bool {
	var metadata struct{ Counted bool }
	return json.Unmarshal(job.Metadata, &metadata) == nil && metadata.Counted
}

// resume is for a job whose product has failed or was cancelled. When a person has retried the job, the product is taken
// up again as by Retry, and returned; else the job is cancelled.
//
// By whom the job was made to run can be told: in the transaction that ends a product all of its jobs are either finished
// or marked as cancelled, and a job with that mark never starts again. So the attempt at a job that is not marked has begun
// since the product has ended, and only a person starts one. A tile that was merely late is marked.
func (c *Client) resume(ctx context.Context, job *rivertype.JobRow, p store.Product) (store.Product, error) {
	err := c.store.InTx(ctx, func(_ pgx.Tx, q *store.Queries) error { return c.resumeTx(ctx, q, job, p) })
	switch {
	case errors.Is(err, ErrFinal):
		return p, river.JobCancel(ErrFinal)
	case errors.Is(err, ErrActive):
		return p, river.JobSnooze(resumePause)
	case err != nil:
		return p, fmt.Errorf("taking up multiplication %s again: %w", p.ID, err)
	}
	c.changes.Changed(p.ID)
	c.wake(QueueOf(p.Plan()))
	c.log.InfoContext(ctx, "a retried job takes up its multiplication again", "job", job.ID, "multiplication", p.ID)
	return c.store.Product(ctx, p.ID)
}

// resumeTx returns ErrFinal when nobody wants this attempt, and ErrActive while other tiles are about to stop: those would be
// missing when the product is taken up.
func (c *Client) resumeTx(ctx context.Context, q *store.Queries, job *rivertype.JobRow, p store.Product) error {
	row, err := q.LockMultiplication(ctx, p.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrFinal
	}
	if err != nil || !row.State.Final() { // another retried tile was faster
		return err
	}
	if row.State == store.Completed {
		return ErrFinal
	}
	wanted, err := q.AttemptIsWanted(ctx, job.ID, *job.AttemptedAt)
	if err != nil {
		return err
	}
	if !wanted {
		return ErrFinal
	}
	stopping, err := q.CountStoppingTiles(ctx, row.FirstJob, row.LastJob, row.ID.String())
	if err != nil {
		return err
	}
	if stopping > 0 {
		return ErrActive
	}
	return c.reopenTx(ctx, q, row)
}

package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/jobs/queue"
)

// reconcileBatch is how many multiplications one pass reconciles at most; the next one goes on.
const reconcileBatch = 1000

// reconcile fails the multiplications that are active although their jobs are finished: River may discard or cancel a
// job without passing through Millrace's code, or a process may die between the two.
func (c *Client) reconcile(ctx context.Context) error {
	unsettled, err := c.queue.Unsettled(ctx, reconcileBatch)
	if err != nil {
		return err
	}
	for _, id := range unsettled {
		var batch pgx.Batch
		errs := queue.BatchErrors(&batch, []uuid.UUID{id}, 1)
		if err := c.store.SendBatch(ctx, &batch); err != nil {
			return err
		}
		reason := "its jobs ended without a result"
		if last := errs[id]; len(last) > 0 {
			reason = fmt.Sprintf("tile %d, attempt %d: %s", last[0].Tile, last[0].Attempt, last[0].Message)
		}
		if err := c.fail(ctx, ending{id: id, reason: reason}); err != nil {
			return err
		}
	}
	return nil
}

// rescue has the jobs of lost workers rescued, and fails the multiplications of tiles that are quarantined.
func (c *Client) rescue(ctx context.Context) {
	rescued, err := c.queue.Rescue(ctx)
	for _, job := range rescued {
		c.metrics.rescue(job)
		if job.Quarantined { // also after an error: the job is not rescued a second time
			err = errors.Join(err, c.quarantine(ctx, job))
		}
	}
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "rescuing the jobs of lost workers", "error", err)
	}
}

// quarantine fails the multiplication of a tile that has crashed its worker too often.
func (c *Client) quarantine(ctx context.Context, job queue.Rescued) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	id, err := uuid.Parse(job.GroupID)
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("tile %d crashed its worker %d times and is quarantined", job.Tile, queue.MaxCrashes)
	return c.fail(ctx, ending{id: id, reason: reason, byJob: job.ID})
}

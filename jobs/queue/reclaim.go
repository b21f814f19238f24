package queue

import (
	"context"
	"time"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// reclaim returns the jobs to the queue that have run in the name of this process for a lease and are not in its hands,
// and stops the attempts at jobs that were taken from it.
func (c *Client) reclaim(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Lease)
	defer cancel()
	inHand, at, age := c.hands.held()
	if err := c.reclaimOthers(ctx, inHand, at, c.config.Lease+age); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "reclaiming jobs", "error", err)
	}
	c.stopTaken(ctx)
}

// stopTaken stops the attempts at jobs that were taken from this process, or told to stop while it could not hear it.
func (c *Client) stopTaken(ctx context.Context) {
	taken, err := c.attempts.StopTaken(ctx)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "looking for jobs that were taken from this process", "error", err)
	}
	if len(taken) > 0 {
		c.log.WarnContext(ctx, "stopping the work on jobs that are not this process's any more", "jobs", taken)
	}
}

// reclaimOthers reclaims what began at least age before a time by the database's clock, zero for now, and is not in
// hand.
func (c *Client) reclaimOthers(ctx context.Context, inHand []int64, at time.Time, age time.Duration) error {
	var knownAt *time.Time
	if !at.IsZero() {
		knownAt = &at
	}
	rows, err := c.db.Reclaim(ctx, db.ReclaimParams{
		CancelMark: cancelMark,
		Me:         c.id,
		KnownAt:    knownAt,
		Age:        age,
		InHand:     inHand,
	})
	for _, row := range rows {
		c.log.WarnContext(ctx, "reclaimed a job whose fetch was lost", "job", row.ID, "kind", row.Kind, "state", row.State)
		c.reclaimed.Inc()
		if row.State == db.RiverJobStateAvailable {
			c.Wake(row.Queue)
		}
	}
	return err
}

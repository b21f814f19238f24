package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

const (
	// reconcileBatch is how many multiplications one pass reconciles at most; the next one goes on.
	reconcileBatch = 1000
	// reconcileInterval is how long a tile that was stopped may go unnoticed.
	reconcileInterval = 5 * time.Second
	// justNow, lately and ever are how far passes look back: each few seconds, each minute and each ten minutes. Times
	// of outcomes are by the clocks of workers.
	justNow = 4 * reconcileInterval
	lately  = time.Hour
	ever    = 100 * 365 * 24 * time.Hour
)

// reconcileJustNow fails the multiplications whose tiles were stopped just now.
func (c *Client) reconcileJustNow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, persist.Timeout)
	defer cancel()
	if err := c.reconcileStopped(ctx, justNow); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "reconciling multiplications", "error", err)
	}
}

// reconcile fails the multiplications that are active although a tile of them, stopped within a time, or all, will not
// be worked any more.
func (c *Client) reconcile(ctx context.Context, within time.Duration) error {
	err := errors.Join(c.reconcileStopped(ctx, within), c.reconcileUnsettled(ctx))
	if within == ever {
		err = errors.Join(err, c.reconcileUnsettledInline(ctx))
	}
	return err
}

// reconcileStopped is for tiles that were discarded or cancelled: by River or River UI without passing through
// Millrace's code, or by a process that died, or could not reach the database, before it ended the multiplication.
func (c *Client) reconcileStopped(ctx context.Context, within time.Duration) error {
	stopped, err := c.queue.Stopped(ctx, within, reconcileBatch)
	ended := map[uuid.UUID]bool{}
	for _, tile := range stopped {
		if ended[tile.GroupID] {
			continue
		}
		ended[tile.GroupID] = true
		reason := fmt.Sprintf("tile %d was %s", tile.Tile, tile.State)
		switch {
		case tile.State == queue.Quarantined: // the process that has rescued it has not told of it yet
			reason = fmt.Sprintf(quarantined, tile.Tile, queue.MaxCrashes)
		case tile.Message != "":
			reason = fmt.Sprintf("tile %d, attempt %d: %s", tile.Tile, tile.Attempt, tile.Message)
		}
		err = errors.Join(err, c.fail(ctx, ending{
			id:     tile.GroupID,
			reason: reason,
			due: func(ctx context.Context, tx *store.Tx) (bool, error) {
				return c.queue.IsStoppedTx(ctx, tx, tile.Job)
			},
		}))
	}
	return errors.Join(err, c.reconcileStoppedInline(ctx, within))
}

// reconcileStoppedInline is for bundles that were cancelled, whose multiplications are expanded and end, and for
// those that were discarded: by workers of the version before, say, which do not know them. Their multiplications get
// jobs, and attempts, of their own.
func (c *Client) reconcileStoppedInline(ctx context.Context, within time.Duration) error {
	stopped, err := c.queue.StoppedInline(ctx, within, reconcileBatch)
	var discarded []uuid.UUID
	for id, state := range stopped {
		if state == queue.Discarded {
			discarded = append(discarded, id)
			continue
		}
		err = errors.Join(err, c.fail(ctx, ending{id: id, reason: "the job of its bundle was " + state}))
	}
	return errors.Join(err, c.expand(ctx, discarded))
}

// reconcileUnsettledInline is for inline multiplications whose job was deleted.
func (c *Client) reconcileUnsettledInline(ctx context.Context) error {
	unsettled, err := c.queue.UnsettledInline(ctx, reconcileBatch)
	for _, id := range unsettled {
		err = errors.Join(err, c.fail(ctx, ending{id: id, reason: "the job of its bundle ended without a result"}))
	}
	return err
}

// reconcileUnsettled is for multiplications that wait for jobs that are not there: people have deleted them.
func (c *Client) reconcileUnsettled(ctx context.Context) error {
	unsettled, err := c.queue.Unsettled(ctx, reconcileBatch)
	for _, group := range unsettled {
		err = errors.Join(err, c.fail(ctx, ending{
			id:     group.ID,
			reason: "its jobs ended without a result",
			due: func(ctx context.Context, tx *store.Tx) (bool, error) {
				return c.queue.IsUnsettledTx(ctx, tx, group)
			},
		}))
	}
	return err
}

// rescue has the jobs of lost workers rescued, and fails the multiplications of tiles that are quarantined.
func (c *Client) rescue(ctx context.Context) {
	rescued, err := c.queue.Rescue(ctx)
	c.rescued(ctx, rescued, err)
}

// rescueEnded does so as soon as the sessions of workers have ended.
func (c *Client) rescueEnded(ctx context.Context) {
	rescued, err := c.queue.RescueEnded(ctx)
	c.rescued(ctx, rescued, err)
}

// rescued does what follows a rescue.
func (c *Client) rescued(ctx context.Context, rescued []queue.Rescued, err error) {
	for _, job := range rescued {
		c.metrics.Rescued(job)
		if job.Kind == queue.InlineKind {
			err = errors.Join(err, c.expandBundle(ctx, job))
		}
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
	ctx, cancel := context.WithTimeout(ctx, persist.Timeout)
	defer cancel()
	id, err := uuid.Parse(job.GroupID)
	if err != nil {
		return err
	}
	return c.fail(ctx, ending{
		id:     id,
		reason: fmt.Sprintf(quarantined, job.Tile, queue.MaxCrashes),
		byJob:  job.ID,
	})
}

// quarantined says of which tile a multiplication has failed that has crashed its worker how often.
const quarantined = "tile %d crashed its worker %d times and is quarantined"

// expandBundle expands the multiplications of a bundle that has crashed its worker: none is to be lost with another.
func (c *Client) expandBundle(ctx context.Context, job queue.Rescued) error {
	ctx, cancel := context.WithTimeout(ctx, persist.Timeout)
	defer cancel()
	waiting, err := c.queue.Waiting(ctx, queue.Bundle{
		Job:   job.ID,
		First: job.First,
		Last:  job.Last,
	})
	if err != nil {
		return err
	}
	return c.expand(ctx, inline.IDs(waiting))
}

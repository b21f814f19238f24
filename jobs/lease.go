package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

const (
	// DefaultLease is how long a worker may be silent before its jobs are given to others.
	DefaultLease = 10 * time.Second
	// renewals is how often a lease is renewed while it lasts: two may fail before it is lost.
	renewals = 4
	// maxCrashes is how often a tile may crash its worker before it is quarantined.
	maxCrashes = 3
	// keepLeases is how long the leases of dead workers are kept for people to look at, in multiples of a lease.
	keepLeases = 360
)

// every calls f once per interval until ctx is done.
func every(ctx context.Context, interval time.Duration, f func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f(ctx)
		}
	}
}

// renewLease keeps this process's lease from running out.
func (c *Client) renewLease(ctx context.Context) {
	interval := c.config.Lease / renewals
	every(ctx, interval, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, interval)
		defer cancel()
		if err := c.store.RenewLease(ctx, c.id); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "renewing the lease", "error", err)
		}
	})
}

// rescueLoop gives the jobs of dead workers to others. It runs in every process that may lead, not as a job of River's
// leader: the leader may be what died, and its successor takes a while.
func (c *Client) rescueLoop(ctx context.Context) {
	// After an outage of the database all leases have run out. Nobody is judged before everybody had time to renew.
	healthySince := time.Now()
	every(ctx, c.config.Lease/renewals, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, c.config.Lease)
		defer cancel()
		var err error
		if time.Since(healthySince) > c.config.Lease {
			err = c.rescue(ctx)
		} else {
			err = c.store.Pool.Ping(ctx)
		}
		if err != nil {
			healthySince = time.Now()
			if ctx.Err() == nil {
				c.log.WarnContext(ctx, "rescuing the jobs of lost workers", "error", err)
			}
		}
	})
}

// rescue returns the running jobs of workers whose lease has run out to the queue, and fails the products of tiles that
// crash their workers again and again.
func (c *Client) rescue(ctx context.Context) error {
	rescued, err := c.store.RescueLostJobs(ctx, maxCrashes, c.config.Lease)
	if err != nil {
		return err
	}
	for _, job := range rescued {
		c.metrics.rescue(job)
		c.log.WarnContext(ctx, "rescued a job from a lost worker", "job", job.ID, "kind", job.Kind, "state", job.State)
		if job.State != store.RiverJobStateDiscarded || job.MultiplicationID == "" {
			continue
		}
		id, err := uuid.Parse(job.MultiplicationID)
		if err != nil {
			return err
		}
		reason := fmt.Sprintf("tile %d crashed its worker %d times and is quarantined", job.Tile, maxCrashes)
		if err := c.end(ctx, id, store.Failed, reason, job.ID); err != nil {
			return err
		}
	}
	return c.store.DeleteOldLeases(ctx, keepLeases*c.config.Lease)
}

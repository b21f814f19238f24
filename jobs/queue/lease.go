package queue

import (
	"context"
	"time"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
)

const (
	// DefaultLease is how long a worker may be silent before its jobs are rescued.
	DefaultLease = 10 * time.Second
	// renewals is how often a lease is renewed while it lasts: two renewals may fail before it is lost.
	renewals = 4
	// keepLeases is how long the leases of dead workers are kept for people to look at, in multiples of a lease.
	keepLeases = 360
)

// keepLease keeps this process's lease from running out.
func (c *Client) keepLease(ctx context.Context) {
	interval := c.config.Lease / renewals
	Every(ctx, interval, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, interval)
		defer cancel()
		if err := c.renewLease(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "renewing the lease", "error", err)
		}
	})
}

func (c *Client) renewLease(ctx context.Context) error {
	begin := time.Now()
	if err := c.db.RenewLease(ctx, c.id, store.SchemaVersion); err != nil {
		return err
	}
	c.renewed.Store(begin.UnixNano())
	return nil
}

// HasLease reports whether this process has renewed its lease in time.
func (c *Client) HasLease() bool {
	return time.Since(time.Unix(0, c.renewed.Load())) < c.config.Lease
}

// Leases counts the processes that have renewed their lease in time, and those of them that compute tiles.
type Leases struct {
	Processes int64
	Workers   int64
}

// Leases counts the leases that have not run out.
func (c *Client) Leases(ctx context.Context) (Leases, error) {
	counts, err := c.db.CountLeases(ctx, maintenanceOnly, c.config.Lease)
	return Leases{Processes: counts.Leases, Workers: counts.Workers}, err
}

// MaxCrashes is how often a job may crash its worker before it is discarded.
const MaxCrashes = 3

// rescueState is what Rescue knows of the database's health.
type rescueState struct {
	healthySince time.Time
}

// Rescued is a job that was taken back from a lost worker.
type Rescued struct {
	ID          int64
	Kind        string
	Queue       string
	State       string // available, cancelled or discarded
	GroupID     string // empty when it is no tile
	Tile        int64
	Quarantined bool // a tile that has crashed its worker MaxCrashes times
}

// RescueInterval is how often Rescue must be called.
func (c *Client) RescueInterval() time.Duration { return c.config.Lease / renewals }

// Rescue returns the running jobs of workers whose lease has run out to their queues, and wakes these. A job that has
// crashed its worker too often is discarded.
//
// After a database outage all leases look expired: Rescue waits for one lease after each error, and after the first
// call, before it rescues anything.
func (c *Client) Rescue(ctx context.Context) ([]Rescued, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Lease)
	defer cancel()
	if c.rescue.healthySince.IsZero() {
		c.rescue.healthySince = time.Now()
	}
	if time.Since(c.rescue.healthySince) <= c.config.Lease {
		err := c.store.Pool.Ping(ctx)
		if err != nil {
			c.rescue.healthySince = time.Now()
		}
		return nil, err
	}
	rescued, err := c.rescueLost(ctx)
	if err != nil {
		c.rescue.healthySince = time.Now()
	}
	return rescued, err
}

func (c *Client) rescueLost(ctx context.Context) ([]Rescued, error) {
	rows, err := c.db.Rescue(ctx, db.RescueParams{
		CancelMark: cancelMark,
		MaxCrashes: MaxCrashes,
		AtKey:      errorAt,
		AttemptKey: errorAttempt,
		MessageKey: errorMessage,
		TraceKey:   errorTrace,
		Lease:      c.config.Lease,
	})
	if err != nil {
		return nil, err
	}
	rescued := make([]Rescued, len(rows))
	for i, row := range rows {
		rescued[i] = Rescued{
			ID:          row.ID,
			Kind:        row.Kind,
			Queue:       row.Queue,
			State:       string(row.State),
			GroupID:     row.GroupID,
			Tile:        row.Tile,
			Quarantined: row.State == db.RiverJobStateDiscarded && row.GroupID != "",
		}
		c.log.WarnContext(ctx, "rescued a job from a lost worker", "job", row.ID, "kind", row.Kind, "state", row.State)
		if row.State == db.RiverJobStateAvailable {
			c.Wake(row.Queue)
		}
	}
	return rescued, c.db.DeleteOldLeases(ctx, keepLeases*c.config.Lease)
}

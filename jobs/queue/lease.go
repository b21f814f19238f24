package queue

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
)

const (
	// DefaultLease is how long a worker may be silent before its jobs are rescued.
	DefaultLease = 10 * time.Second
	// renewals is how often a lease is renewed while it lasts.
	renewals = 4
	// keepLeases is how long the leases of dead workers are kept for people to look at, in multiples of a lease.
	keepLeases = 360
	// connectLeases is how long a connection may take to be made, in multiples of a lease: it has many round trips.
	connectLeases = 5
)

// lease renews the lease of a process on a connection of its own: connections of the pool may all be in use.
type lease struct {
	conn  *pgx.Conn // nil: none
	since time.Time // since when it has been renewed in time
}

// keepLease keeps this process's lease from running out.
func (c *Client) keepLease(ctx context.Context) {
	loop.Every(ctx, c.config.Lease/renewals, func(ctx context.Context) {
		if err := c.renewLease(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "renewing the lease", "error", err)
		}
	})
}

// renewLease renews the lease, for which it has most of a lease.
func (c *Client) renewLease(ctx context.Context) error {
	if err := c.connectLease(ctx); err != nil {
		return err
	}
	statement, cancel := context.WithTimeout(ctx, c.config.Lease*9/10)
	defer cancel()
	sent := time.Now()
	renewed, err := db.New(c.lease.conn).RenewLease(statement, c.renewal())
	if err != nil {
		return err
	}
	inHand := c.hands.renewed(sent.Add(c.config.Lease), renewed.RenewedAt) // by the clock of the database it ends later
	lapsed := !c.lease.since.IsZero() && !renewed.HeldSince.Equal(c.lease.since)
	c.lease.since = renewed.HeldSince
	if lapsed {
		c.lapses.Inc()
		return c.forgive(ctx, inHand)
	}
	return nil
}

// renewal is what this process tells with its lease.
func (c *Client) renewal() db.RenewLeaseParams {
	p := db.RenewLeaseParams{
		ID:            c.id,
		SchemaVersion: store.SchemaVersion,
		Lease:         c.config.Lease,
	}
	if c.config.Work {
		p.TileSlots = int32(c.config.Tiles)  //nolint:gosec // a number of goroutines
		p.SmallSlots = int32(c.config.Small) //nolint:gosec // the same
	}
	return p
}

// connectLease connects, unless there is a connection.
func (c *Client) connectLease(ctx context.Context) (err error) {
	if c.lease.conn != nil && !c.lease.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectLeases*c.config.Lease)
	defer cancel()
	c.lease.conn, err = database.Connect(ctx, c.store.Pool, "millrace lease")
	return err
}

// forgive takes back the crashes of jobs that were counted while the lease had run out: this process has not crashed.
func (c *Client) forgive(ctx context.Context, inHand []int64) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Lease)
	defer cancel()
	forgiven, err := c.db.Forgive(ctx, c.id, inHand)
	c.log.WarnContext(ctx, "the lease had run out and is renewed", "jobs_in_hand", len(inHand), "rescued", forgiven)
	return err
}

// releaseLease says that this process has ended. What runs in its name is not in its hands any more.
func (c *Client) releaseLease(ctx context.Context) {
	inHand, _, _ := c.hands.held()
	if err := c.reclaimOthers(ctx, inHand, time.Time{}, 0); err != nil {
		c.log.WarnContext(ctx, "reclaiming jobs", "error", err)
	}
	if err := c.db.ReleaseLease(ctx, c.id); err != nil {
		c.log.WarnContext(ctx, "releasing the lease", "error", err)
	}
	if c.lease.conn != nil {
		_ = c.lease.conn.Close(ctx)
	}
}

// HasLease reports whether this process has renewed its lease in time. Without one it fetches no jobs.
func (c *Client) HasLease() bool { return c.hands.hasLease() }

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

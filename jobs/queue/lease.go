package queue

import (
	"context"
	"time"

	"github.com/millrace/millrace/jobs/queue/agreed"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/kernels"
	"github.com/millrace/millrace/jobs/queue/session"
	"github.com/millrace/millrace/store"
)

const (
	// DefaultLease is how long a worker may be silent before its jobs are rescued.
	DefaultLease = 10 * time.Second
	// renewals is how often a lease is renewed while it lasts.
	renewals = 4
	// keepLeases is how long the leases of dead workers are kept for people to look at, in multiples of a lease.
	keepLeases = 360
)

// lease is that of a process, which is renewed on a connection of its own: those of the pool may all be in use.
type lease struct {
	session *session.Session
	since   time.Time // since when it has been renewed in time
}

// keepLease keeps this process's lease and its session from ending. Without the lock of that it takes no jobs.
func (c *Client) keepLease(ctx context.Context) {
	next := time.Now().Add(c.config.Lease / renewals)
	for {
		if !c.lease.session.Await(ctx, next) {
			c.hands.suspend()
		}
		if ctx.Err() != nil {
			return
		}
		next = time.Now().Add(c.config.Lease / renewals)
		if err := c.renewLease(ctx); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "renewing the lease", "error", err)
		}
	}
}

// renewLease renews the lease, for which it has most of a lease.
func (c *Client) renewLease(ctx context.Context) error {
	connected, err := c.lease.session.Connect(ctx)
	if err != nil {
		return err
	}
	statement, cancel := context.WithTimeout(ctx, c.config.Lease*9/10)
	defer cancel()
	sent := time.Now()
	renewed, err := db.New(c.lease.session.Conn()).RenewLease(statement, c.renewal())
	if err != nil {
		return err
	}
	inHand := c.hands.renewed(sent.Add(c.config.Lease), renewed.RenewedAt) // by the clock of the database it ends later
	first := c.lease.since.IsZero()
	lapsed := !first && !renewed.HeldSince.Equal(c.lease.since)
	c.lease.since = renewed.HeldSince
	if lapsed {
		c.lapses.Inc()
	}
	if lapsed || connected && !first {
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
		SessionKey:    c.lease.session.Key(),
	}
	if c.config.Work {
		p.TileSlots = int32(c.config.Tiles)  //nolint:gosec // a number of goroutines
		p.SmallSlots = int32(c.config.Small) //nolint:gosec // the same
	}
	return p
}

// join compares the settings of this process with those of others, and tells what it computes with.
func (c *Client) join(ctx context.Context) error {
	err := agreed.Join(ctx, c.db, c.id, c.config.Lease, c.config.Settings, c.log)
	if err == nil && c.config.Kernel != nil {
		err = kernels.Tell(ctx, c.db, c.id, *c.config.Kernel)
	}
	return err
}

// Kernels returns what the processes compute with that have renewed their lease in time.
func (c *Client) Kernels(ctx context.Context) ([]kernels.Kind, error) {
	return kernels.List(ctx, c.db, c.config.Lease)
}

// forgive takes back the crashes of jobs that were counted while the lease had run out or the session had ended: this
// process has not crashed.
func (c *Client) forgive(ctx context.Context, inHand []int64) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Lease)
	defer cancel()
	forgiven, err := c.db.Forgive(ctx, c.id, inHand)
	c.log.WarnContext(ctx, "the lease had run out, or its connection was lost; it is renewed",
		"jobs_in_hand", len(inHand), "rescued", forgiven)
	c.stopTaken(ctx)
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
	c.lease.session.Close(ctx)
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

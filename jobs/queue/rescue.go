package queue

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/session"
)

const (
	// MaxCrashes is how often a job may crash its worker before it is discarded. At the last one it was alone there.
	MaxCrashes = 3
	// goneAfter is how long a worker must have been silent, beyond its lease and in multiples of it, before a job is
	// discarded because of it: one that comes back has not crashed.
	goneAfter = 5
	// rescueLeases bounds a rescue, and a look for workers that have ended, in multiples of a lease.
	rescueLeases = 3
)

// rescueState is what Rescue remembers.
type rescueState struct {
	suspected map[string]time.Time // since when workers have been found to be lost, that were too many to believe
}

// Rescued is a job that was taken back from a lost worker.
type Rescued struct {
	ID          int64
	Kind        string
	Queue       string
	State       string // available, retryable, cancelled or discarded
	GroupID     string // empty when it is no tile
	Tile        int64
	First       uuid.UUID // of a bundle of inline multiplications
	Last        uuid.UUID
	Quarantined bool // a tile that has crashed its worker MaxCrashes times
}

// RescueInterval is how often Rescue must be called.
func (c *Client) RescueInterval() time.Duration { return c.config.Lease / renewals }

// Rescue takes back the running jobs of workers whose lease has run out. They return to their place in line a little
// later, and a job that has crashed its worker too often is discarded.
//
// Leases also run out when the database takes no renewals. Rescue believes a lease to have run out only when this
// process has renewed its own since, and has held it for as long before; and when half of the workers are lost at once,
// only after they have been so for another lease.
func (c *Client) Rescue(ctx context.Context) ([]Rescued, error) {
	ctx, cancel := context.WithTimeout(ctx, rescueLeases*c.config.Lease)
	defer cancel()
	lost, err := c.listLost(ctx)
	if err != nil {
		return nil, err
	}
	var rescued []Rescued
	if len(lost) > 0 {
		if rescued, err = c.rescueFrom(ctx, lost); err != nil {
			return nil, err
		}
	}
	return rescued, c.db.DeleteOldLeases(ctx, keepLeases*c.config.Lease)
}

// RescueEnded takes back the running jobs of workers that have ended without a word, which their sessions tell at once.
// It must be called once in session.LookInterval. The jobs are available in their place in line, but for those that
// have crashed a worker before; those that would be discarded wait for the end of the lease.
func (c *Client) RescueEnded(ctx context.Context) ([]Rescued, error) {
	ctx, cancel := context.WithTimeout(ctx, rescueLeases*c.config.Lease)
	defer cancel()
	ended, err := c.watcher.Look(ctx)
	if err != nil || len(ended) == 0 {
		return nil, err
	}
	return c.rescueFrom(ctx, ended)
}

// listLost lists the workers that are lost beyond doubt.
func (c *Client) listLost(ctx context.Context) ([]session.Ended, error) {
	lost, err := c.db.ListLost(ctx, c.config.Lease, c.id)
	if err != nil || len(lost) == 0 {
		c.rescue.suspected = nil
		return nil, err
	}
	leases, err := c.Leases(ctx)
	if err != nil {
		return nil, err
	}
	twice := len(lost) > 1 && int64(len(lost)) >= leases.Workers
	suspected := map[string]time.Time{}
	var beyond []session.Ended
	for _, worker := range lost {
		since, known := c.rescue.suspected[worker]
		if !known {
			since = time.Now()
		}
		if twice {
			suspected[worker] = since
		}
		if !twice || time.Since(since) >= c.config.Lease {
			beyond = append(beyond, session.Ended{Worker: worker})
		}
	}
	c.rescue.suspected = suspected
	return beyond, nil
}

// rescueFrom rescues the jobs of lost workers: of those with a key the session has ended, of the others the lease.
func (c *Client) rescueFrom(ctx context.Context, lost []session.Ended) ([]Rescued, error) {
	p := db.RescueParams{
		CancelMark: cancelMark,
		MaxCrashes: MaxCrashes,
		AtKey:      errorAt,
		AttemptKey: errorAttempt,
		MessageKey: errorMessage,
		TraceKey:   errorTrace,
		Lease:      c.config.Lease,
		Class:      session.Class,
		Me:         c.id,
		GoneAfter:  goneAfter,
	}
	for _, worker := range lost {
		p.LostWorkers = append(p.LostWorkers, worker.Worker)
		p.SessionKeys = append(p.SessionKeys, worker.Key)
		p.SeenAt = append(p.SeenAt, worker.SeenAt)
	}
	rows, err := c.db.Rescue(ctx, p)
	rescued := make([]Rescued, len(rows))
	for i, row := range rows {
		rescued[i] = Rescued{
			ID:          row.ID,
			Kind:        row.Kind,
			Queue:       row.Queue,
			State:       string(row.State),
			GroupID:     row.GroupID,
			Tile:        row.Tile,
			First:       row.First,
			Last:        row.Last,
			Quarantined: row.State == db.RiverJobStateDiscarded && row.GroupID != "",
		}
		c.log.WarnContext(ctx, "rescued a job from a lost worker", "job", row.ID, "kind", row.Kind, "state", row.State,
			"worker", row.Worker, "multiplication", row.GroupID, "tile", row.Tile)
		if row.State == db.RiverJobStateAvailable {
			c.Wake(row.Queue)
		}
	}
	return rescued, err
}

// wakeAll wakes each of the queues once.
func (c *Client) wakeAll(queues []string) {
	slices.Sort(queues)
	for _, queue := range slices.Compact(queues) {
		c.Wake(queue)
	}
}

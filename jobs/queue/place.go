package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue/deliver"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/line"
	"github.com/millrace/millrace/store"
)

const (
	// promoteInterval is how often a process that leads looks for jobs whose pause has ended, and so about the shortest
	// pause. Workers look more seldom, in case that none leads.
	promoteInterval       = time.Second
	promoteIntervalWorker = 5 * time.Second
	// promoteBatch is how many jobs one statement makes available.
	promoteBatch = 5000
)

// promote makes the jobs available whose pause has ended, and wakes their queues.
func (c *Client) promote(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, promoteTimeout)
	defer cancel()
	queues, err := c.db.Promote(ctx, append(Names(), deliver.Queue), promoteBatch)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "promoting jobs whose pause has ended", "error", err)
	}
	for _, queue := range queues {
		c.Wake(queue)
	}
}

// keepLine looks at the line of queue Tiles, and wakes its workers when it has moved tiles, which a fetch passes over.
func (c *Client) keepLine(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, promoteTimeout)
	defer cancel()
	moved, err := c.line.Look(ctx)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "keeping the line", "error", err)
	}
	if moved {
		c.Wake(Tiles)
	}
}

// JoinLineTx gives the jobs of a group that wait new places in the line, as if they had just come. The group has the
// share if its jobs have another priority than that of the order.
func (c *Client) JoinLineTx(ctx context.Context, tx *store.Tx, g Group, o Order, share float64) error {
	if o.Cost == 0 {
		return nil
	}
	q := db.New(tx.Pgx())
	step, err := q.JoinLine(ctx, db.JoinLineParams{
		ID:       g.ID,
		Tenant:   o.Tenant,
		FirstJob: g.First,
		Priority: int16(o.Priority), //nolint:gosec // 1 to 4
		Share:    float32(share),
		Cost:     float32(o.Cost),
	})
	if err == nil {
		_, err = q.Place(ctx, g.ID, step, true)
	}
	if err != nil {
		return fmt.Errorf("joining the line: %w", err)
	}
	return nil
}

// LeaveLineTx says that a group has finished: its tenant's other groups get its share.
func (c *Client) LeaveLineTx(ctx context.Context, tx *store.Tx, g Group, queue string) error {
	if queue != Tiles {
		return nil
	}
	return db.New(tx.Pgx()).LeaveLine(ctx, g.ID)
}

// Line returns what knows the line of queue Tiles.
func (c *Client) Line() *line.Keeper { return c.line }

// promoteTimeout bounds one look for jobs whose pause has ended.
const promoteTimeout = 10 * time.Second

// DueSince returns since when a job waits: since it was enqueued, or put back into the queue. Its scheduled_at is its
// place in line, which it keeps when it is put back, and which in queue Tiles is no time.
func DueSince(job *rivertype.JobRow) time.Time {
	if due := marksOf(job).DueAt; due != nil {
		return *due
	}
	return job.ScheduledAt
}

// Snoozes returns how often a job was snoozed.
func Snoozes(job *rivertype.JobRow) int { return marksOf(job).Snoozes }

// Counted reports whether a job was completed and counted before, so that it runs because a person has retried it.
func Counted(job *rivertype.JobRow) bool { return marksOf(job).Counted }

// suspect reports whether a job has crashed its workers so often that it must be alone in the next one.
func suspect(job *rivertype.JobRow) bool { return Crashes(job) >= MaxCrashes-1 }

// Crashes returns how often a job has crashed its worker.
func Crashes(job *rivertype.JobRow) int { return marksOf(job).Crashes }

// marks are what River and the statements of this package note in the metadata of a job.
type marks struct {
	DueAt   *time.Time `json:"due_at"`
	Snoozes int        `json:"snoozes"`
	Counted bool       `json:"counted"`
	Crashes int        `json:"crashes"`
}

// marksOf returns the marks of a job: none if they cannot be read.
func marksOf(job *rivertype.JobRow) marks {
	var m marks
	if json.Unmarshal(job.Metadata, &m) != nil {
		return marks{}
	}
	return m
}

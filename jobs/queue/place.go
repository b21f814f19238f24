package queue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river/rivertype"
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
	queues, err := c.db.Promote(ctx, Names(), promoteBatch)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "promoting jobs whose pause has ended", "error", err)
	}
	for _, queue := range queues {
		c.Wake(queue)
	}
}

// promoteTimeout bounds one look for jobs whose pause has ended.
const promoteTimeout = 10 * time.Second

// DueSince returns since when a job waits: since it was enqueued, or put back into the queue. Its scheduled_at is its
// place in line, which it keeps when it is put back.
func DueSince(job *rivertype.JobRow) time.Time {
	var metadata struct {
		DueAt *time.Time `json:"due_at"`
	}
	if json.Unmarshal(job.Metadata, &metadata) == nil && metadata.DueAt != nil {
		return *metadata.DueAt
	}
	return job.ScheduledAt
}

// Snoozes returns how often a job was snoozed.
func Snoozes(job *rivertype.JobRow) int {
	var metadata struct {
		Snoozes int `json:"snoozes"`
	}
	if json.Unmarshal(job.Metadata, &metadata) != nil {
		return 0
	}
	return metadata.Snoozes
}

package jobs

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/store"
)

// Overview says what there is to do, and who does it.
type Overview struct {
	Queues  []QueueOverview // of all queues with tiles
	Active  store.CountActiveMultiplicationsRow
	Workers int64 // processes that compute tiles
}

// QueueOverview counts the jobs of a queue that are not finished.
type QueueOverview struct {
	Name                       string
	Waiting, Running, Retrying int64
	Estimated                  bool // more wait than are counted one by one
}

// Overview looks at the whole system, now. The cost grows with the multiplications that are not finished; that of the finished
// ones is none.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	counts, err := c.store.CountJobs(ctx, maxExact, queues, 0)
	if err != nil {
		return o, fmt.Errorf("counting jobs: %w", err)
	}
	for _, name := range queues {
		o.Queues = append(o.Queues, newQueueOverview(name, counts))
	}
	if o.Active, err = c.store.CountActiveMultiplications(ctx); err != nil {
		return o, fmt.Errorf("counting the active multiplications: %w", err)
	}
	if o.Workers, err = c.store.CountWorkers(ctx, c.config.Lease, maintenanceOnly); err != nil {
		return o, fmt.Errorf("counting the workers: %w", err)
	}
	return o, nil
}

// newQueueOverview sums up what people want to know. A job that has failed waits as retryable, or, when that is not for long,
// as available from a later time on; among estimated ones the latter cannot be told.
func newQueueOverview(name string, counts []store.CountJobsRow) QueueOverview {
	q := QueueOverview{Name: name}
	for _, row := range counts {
		if row.Queue != name {
			continue
		}
		switch row.State {
		case store.RiverJobStateAvailable:
			q.Estimated = row.Estimated
			if !row.Estimated {
				q.Retrying += row.Jobs - row.Due
				row.Jobs = row.Due
			}
			q.Waiting += row.Jobs
		case store.RiverJobStateRunning:
			q.Running += row.Jobs
		case store.RiverJobStateRetryable:
			q.Retrying += row.Jobs
		default:
			q.Waiting += row.Jobs
		}
	}
	return q
}

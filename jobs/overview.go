package jobs

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/kernels"
	"github.com/millrace/millrace/store"
)

// Overview is what there is to do, and how many processes do it.
type Overview struct {
	Queues  []queue.Counts
	Active  map[identity.TenantID]store.Active
	Workers int64 // processes that compute tiles
	Kernels []kernels.Kind
}

// Overview reads the state of the whole system. The cost grows with the multiplications that are not finished, up to
// a bound, and not with the finished ones.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	var err error
	if o.Queues, err = c.queue.Counts(ctx); err != nil {
		return o, err
	}
	if o.Active, err = c.store.CountActive(ctx); err != nil {
		return o, fmt.Errorf("counting the active multiplications: %w", err)
	}
	leases, err := c.queue.Leases(ctx)
	if err != nil {
		return o, fmt.Errorf("counting the workers: %w", err)
	}
	o.Workers = leases.Workers
	o.Kernels, err = c.queue.Kernels(ctx)
	return o, err
}

// JobsPage returns where River UI shows the jobs of the multiplication, below the path at which it is mounted: those
// in the state that tells most. It is empty when there are no jobs.
func (m Multiplication) JobsPage() string {
	return queue.JobsPage(m.Jobs, queueOf(m.Plan), m.tellingState())
}

// tellingState is the state of the jobs that a person wants to see.
func (m Multiplication) tellingState() queue.JobState {
	switch m.State {
	case Pending:
		return queue.JobAvailable
	case Completed:
		return queue.JobCompleted
	case Failed, Cancelled:
		if m.Progress.Discarded > 0 { // the one that was out of attempts, among those that were cancelled because of it
			return queue.JobDiscarded
		}
		return queue.JobCancelled
	}
	if m.Progress.Running == 0 && m.Progress.Retrying > 0 {
		return queue.JobRetryable
	}
	return queue.JobRunning
}

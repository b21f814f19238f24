package jobs

import (
	"context"

	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/queue"
)

// Overview is what there is to do, and how many processes do it.
type Overview = measure.Overview

// Overview reads the state of the whole system.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	return measure.ReadOverview(ctx, c.queue, c.store)
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

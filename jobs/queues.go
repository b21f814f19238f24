package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/store"
)

const (
	// refreshInterval is how often a process that leads looks at the queues. Whoever asks gets what it saw last: however
	// many scrape metrics or look at the overview, the database is asked once.
	refreshInterval = 5 * time.Second
	// keepQueues is how long what was seen last stands for the present when the database does not answer: longer than a
	// failover, shorter than anybody would act on a number that may be wrong.
	keepQueues = time.Minute
	// maxExact is how many jobs of a queue and state are counted one by one; more are estimated.
	maxExact = 10_000
)

// What a job costs as long as none was completed, in seconds.
const (
	assumedSmall   = 5e-3       // a small product: mostly the way to the database and back
	assumedPerFLOP = 1.0 / 5e10 // a floating-point operation: those of a core with a BLAS
)

// queues are those whose jobs are tiles.
var queues = []string{QueueSmall, QueueTiles}

// Queue is what waits in a queue.
type Queue struct {
	Name string
	// Depth is the number of jobs that wait, run, or are due to be tried again by the time of the next look.
	Depth int64
	// Jobs are those that are not finalized, by state.
	Jobs map[store.RiverJobState]int64
	// Estimated says that there are more than maxExact waiting jobs, and that their number is known to a few percent.
	Estimated bool
	// Oldest is how long the first in line has been due.
	Oldest time.Duration
	// Work is an estimate of the time that it would take one slot of a worker to get through Depth.
	Work time.Duration
}

// Queues is the state of the queues at some time.
type Queues struct {
	At     time.Time
	Queues []Queue
	Leases int64         // processes that have shown themselves within a lease
	Took   time.Duration // to find out
}

// Queues returns what this process saw last of the queues. It reports false when it does not lead, or when that is so long
// ago that it would mislead. It asks nobody and never waits.
func (c *Client) Queues() (Queues, bool) {
	seen := c.seen.Load()
	if seen == nil {
		return Queues{}, false
	}
	return *seen, time.Since(seen.At) < keepQueues
}

// refreshQueues looks at the queues.
func (c *Client) refreshQueues(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshInterval)
	defer cancel()
	seen, err := c.readQueues(ctx)
	if err == nil {
		c.seen.Store(&seen)
	} else if ctx.Err() != context.Canceled {
		c.log.WarnContext(ctx, "looking at the queues", "error", err)
	}
}

// readQueues asks the database. What it reads there is bounded, however deep the queues are.
func (c *Client) readQueues(ctx context.Context) (Queues, error) {
	start := time.Now()
	counts, err := c.store.CountJobs(ctx, maxExact, queues, refreshInterval)
	if err != nil {
		return Queues{}, fmt.Errorf("counting jobs: %w", err)
	}
	work, err := c.store.EstimateWork(ctx, queues)
	if err != nil {
		return Queues{}, fmt.Errorf("estimating the work: %w", err)
	}
	leases, err := c.store.CountLeases(ctx, c.config.Lease)
	if err != nil {
		return Queues{}, fmt.Errorf("counting leases: %w", err)
	}
	seen := Queues{At: time.Now(), Leases: leases, Took: time.Since(start)}
	for _, w := range work {
		q := newQueue(w.Queue, counts)
		q.Work = time.Duration(float64(q.Depth) * secondsPerJob(w) * float64(time.Second))
		seen.Queues = append(seen.Queues, q)
	}
	return seen, nil
}

// newQueue sums up the counts of a queue.
func newQueue(name string, counts []store.CountJobsRow) Queue {
	q := Queue{Name: name, Jobs: map[store.RiverJobState]int64{}}
	for _, row := range counts {
		if row.Queue != name {
			continue
		}
		q.Jobs[row.State] = row.Jobs
		switch row.State {
		case store.RiverJobStateAvailable:
			q.Depth += row.Jobs
			q.Estimated = row.Estimated
			q.Oldest = time.Duration(max(0, row.Age) * float64(time.Second))
		case store.RiverJobStateRunning:
			q.Depth += row.Jobs
		case store.RiverJobStateRetryable, store.RiverJobStateScheduled:
			q.Depth += row.Due
		}
	}
	return q
}

// secondsPerJob estimates what the jobs that wait will take, from what those took that were completed lately. Small products
// take about the same time whatever their size; tiles take the longer the more arithmetic they are.
func secondsPerJob(w store.EstimateWorkRow) float64 {
	if w.Queue == QueueSmall {
		if w.RecentJobs == 0 {
			return assumedSmall
		}
		return w.RecentSeconds / float64(w.RecentJobs)
	}
	if w.RecentFlops == 0 {
		return w.Flops * assumedPerFLOP
	}
	return w.Flops * w.RecentSeconds / w.RecentFlops
}

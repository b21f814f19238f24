package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/line"
)

const (
	// refreshInterval is how often a process that leads reads the depths of the queues. Scrapes and overviews get what
	// was read last, so their number is no load on the database.
	refreshInterval = 5 * time.Second
	// keepDepths is how long depths stand for the present while the database is unavailable: longer than a failover, and
	// not so long that an autoscaler acts on a number that may be wrong.
	keepDepths = time.Minute
	// MaxCounted is how many jobs of a queue and state are counted; a deeper queue is reported as this deep.
	MaxCounted = 100_000
	// maxUnqueued is of how many multiplications the tiles without jobs are counted: they have 10,000,000 others, whose
	// jobs are counted.
	maxUnqueued = 10_000
)

// What a job costs as long as none was completed, in seconds.
const (
	assumedSmall   = 5e-3       // a small multiplication: mostly the way to the database and back
	assumedPerFLOP = 1.0 / 5e10 // a floating-point operation of a core with a BLAS
)

// Depth is what waits in a queue.
type Depth struct {
	Queue string
	// Depth is the number of jobs that wait, run, or are due to be tried again by the time of the next read, and of the
	// tiles that have no job yet. Of each state at most MaxCounted are counted.
	Depth int64
	// Jobs are the unfinished jobs by River's state.
	Jobs map[rivertype.JobState]int64
	// Unqueued are the tiles that have no job yet.
	Unqueued int64
	// Oldest is how long the first in line has been due.
	Oldest time.Duration
	// Paused says that workers fetch no jobs of the queue.
	Paused bool
	// Work is an estimate of the time that one slot of a worker would need for Depth.
	Work time.Duration
}

// Depths is the state of the queues at some time.
type Depths struct {
	At     time.Time
	Queues []Depth
	Leases int64         // processes that have renewed their lease in time
	Took   time.Duration // to read it
}

// Depths returns what this process read last. It reports false when it does not lead, or when that is so long ago
// that it would mislead. It does not wait.
func (c *Client) Depths() (Depths, bool) {
	last := c.depths.Load()
	if last == nil {
		return Depths{}, false
	}
	return *last, time.Since(last.At) < keepDepths
}

// refreshDepths reads the depths of the queues.
func (c *Client) refreshDepths(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshInterval)
	defer cancel()
	if _, err := c.ReadDepths(ctx); err != nil && ctx.Err() != context.Canceled {
		c.log.WarnContext(ctx, "reading the depths of the queues", "error", err)
	}
}

// ReadDepths reads the depths of the queues now, which Depths then returns, too.
func (c *Client) ReadDepths(ctx context.Context) (Depths, error) {
	depths, err := c.readDepths(ctx)
	if err == nil {
		c.depths.Store(&depths)
	}
	return depths, err
}

// readDepths reads from the database, a bounded number of rows however deep the queues are.
func (c *Client) readDepths(ctx context.Context) (Depths, error) {
	start := time.Now()
	found, err := c.countWork(ctx, refreshInterval)
	if err != nil {
		return Depths{}, err
	}
	ages, err := c.db.ListOldest(ctx, Names())
	if err != nil {
		return Depths{}, fmt.Errorf("looking for the oldest jobs: %w", err)
	}
	samples, costs, err := c.sample(ctx)
	if err != nil {
		return Depths{}, fmt.Errorf("estimating the work: %w", err)
	}
	leases, err := c.Leases(ctx)
	if err != nil {
		return Depths{}, fmt.Errorf("counting leases: %w", err)
	}
	told := line.Rates{At: time.Now(), Pace: line.Pace(Tiles, samples, costs)}
	depths := Depths{
		At:     time.Now(),
		Leases: leases.Processes,
		Took:   time.Since(start),
	}
	for _, queue := range Names() {
		d := newDepth(queue, found.jobs)
		d.Paused = slices.Contains(found.paused, queue)
		for _, age := range ages {
			if age.Queue == queue {
				d.Oldest = time.Duration(max(0, age.Age) * float64(time.Second))
			}
		}
		perJob, perFLOP := rates(queue, samples, costs)
		work := float64(d.Depth) * perJob
		if queue == Tiles {
			d.Unqueued = found.unqueued.Tiles
			d.Depth += found.unqueued.Tiles
			work += found.unqueued.Flops * perFLOP
		}
		d.Work = time.Duration(work * float64(time.Second))
		depths.Queues = append(depths.Queues, d)
		if queue == Small {
			told.Depth = line.SmallDepth(d.Depth, found.bundles, found.inline, MaxCounted)
			told.Small = line.NewSmallRate(Small, told.Depth, perJob, samples)
		}
	}
	c.line.Tell(told)
	return depths, nil
}

// backlog is what there is to do.
type backlog struct {
	jobs     []db.CountJobsRow
	inline   []db.CountInlineRow
	bundles  float64 // jobs of queue small that wait or run
	unqueued db.CountUnqueuedRow
	paused   []string // queues
}

// countWork counts the jobs, those that are due soon among them, and the tiles that have none yet.
func (c *Client) countWork(ctx context.Context, soon time.Duration) (b backlog, err error) {
	if b.jobs, err = c.db.CountJobs(ctx, Names(), soon, MaxCounted); err != nil {
		return b, fmt.Errorf("counting jobs: %w", err)
	}
	inline, err := c.db.CountInline(ctx, MaxCounted)
	if err != nil {
		return b, fmt.Errorf("counting inline multiplications: %w", err)
	}
	b.inline = inline
	b.bundles = float64(newDepth(Small, b.jobs).Depth)
	b.jobs = withInline(b.jobs, inline)
	if b.unqueued, err = c.db.CountUnqueued(ctx, maxUnqueued); err != nil {
		return b, fmt.Errorf("counting the tiles without jobs: %w", err)
	}
	b.paused, err = c.paused(ctx)
	return b, err
}

// withInline counts inline multiplications in place of the jobs that compute bundles of them.
func withInline(rows []db.CountJobsRow, inline []db.CountInlineRow) []db.CountJobsRow {
	for i := range rows {
		for _, in := range inline {
			if rows[i].Queue == Small && rows[i].State == in.State && rows[i].Jobs >= in.Jobs {
				rows[i].Jobs += in.Waiting - in.Jobs
				rows[i].Due += in.Waiting - in.Jobs
			}
		}
	}
	return rows
}

// newDepth sums up the counts of a queue.
func newDepth(queue string, counts []db.CountJobsRow) Depth {
	d := Depth{Queue: queue, Jobs: map[rivertype.JobState]int64{}}
	for _, row := range counts {
		if row.Queue != queue {
			continue
		}
		d.Jobs[rivertype.JobState(row.State)] = row.Jobs
		switch row.State {
		case db.RiverJobStateAvailable, db.RiverJobStateRunning:
			d.Depth += row.Jobs
		case db.RiverJobStateRetryable, db.RiverJobStateScheduled:
			d.Depth += row.Due
		}
	}
	return d
}

// sample reads a few hundred jobs of each queue, and what a tile of their multiplications costs.
func (c *Client) sample(ctx context.Context) ([]db.SampleJobsRow, map[uuid.UUID]float64, error) {
	samples, err := c.db.SampleJobs(ctx, Names())
	if err != nil {
		return nil, nil, err
	}
	ids := make([]uuid.UUID, len(samples))
	for i, s := range samples {
		ids[i] = s.GroupID
	}
	costs, err := c.store.ForAll().TileCosts(ctx, ids)
	if err == nil {
		costs[uuid.Nil] = 0 // of bundles, whose arithmetic does not count
	}
	return samples, costs, err
}

// rates estimates how long a waiting job of a queue will take, and a floating-point operation of it, from how long jobs
// took that were completed lately, in seconds. Small multiplications take about the same time whatever their size; the
// time of tiles is taken to be proportional to their arithmetic. Jobs whose multiplication was deleted do not count.
func rates(queue string, samples []db.SampleJobsRow, costs map[uuid.UUID]float64) (perJob, perFLOP float64) {
	var done, next struct{ jobs, seconds, flops float64 }
	for _, s := range samples {
		cost, exists := costs[s.GroupID]
		if s.Queue != queue || !exists {
			continue
		}
		sum := &next
		if s.Finished {
			sum = &done
		}
		sum.jobs += float64(s.Jobs)
		sum.seconds += s.Seconds
		sum.flops += float64(s.Jobs) * cost
	}
	perFLOP = assumedPerFLOP
	if done.flops > 0 {
		perFLOP = done.seconds / done.flops
	}
	switch {
	case queue == Small && done.jobs == 0:
		perJob = assumedSmall
	case queue == Small:
		perJob = done.seconds / done.jobs
	case next.jobs > 0:
		perJob = next.flops / next.jobs * perFLOP
	}
	return perJob, perFLOP
}

// Counts are the unfinished jobs of a queue, at most MaxCounted of each state.
type Counts struct {
	Queue    string
	Waiting  int64 // with the tiles that have no job yet
	Running  int64
	Retrying int64 // failed at least once and waiting for the next attempt
	Paused   bool  // workers fetch none of them
}

// Counts counts the unfinished jobs of the queues now.
func (c *Client) Counts(ctx context.Context) ([]Counts, error) {
	found, err := c.countWork(ctx, 0)
	if err != nil {
		return nil, err
	}
	var all []Counts
	for _, queue := range Names() {
		counts := newCounts(queue, found.jobs)
		if queue == Tiles {
			counts.Waiting += found.unqueued.Tiles
		}
		counts.Paused = slices.Contains(found.paused, queue)
		all = append(all, counts)
	}
	return all, nil
}

// newCounts sums up the counts of a queue. A job that has failed waits as retryable, or, when that is not for long,
// as available from a later time on.
func newCounts(queue string, rows []db.CountJobsRow) Counts {
	c := Counts{Queue: queue}
	for _, row := range rows {
		if row.Queue != queue {
			continue
		}
		switch row.State {
		case db.RiverJobStateAvailable:
			c.Waiting += row.Due
			c.Retrying += row.Jobs - row.Due
		case db.RiverJobStateRunning:
			c.Running += row.Jobs
		case db.RiverJobStateRetryable:
			c.Retrying += row.Jobs
		default:
			c.Waiting += row.Jobs
		}
	}
	return c
}

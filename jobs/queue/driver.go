package queue

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue/listen"
)

const (
	// fetchTimeout bounds a fetch. What one that is given up has taken is reclaimed.
	fetchTimeout = 10 * time.Second
	// aloneTimeout bounds how long a suspect waits for the other jobs of its worker.
	aloneTimeout = time.Minute
)

// driver is River's driver with listeners of its own, and a look at the two statements that begin and end an attempt.
type driver struct {
	listen.Driver
	client *Client
}

func newDriver(c *Client) driver { return driver{listen.NewDriver(c.store.Pool, c.log), c} }

var _ riverdriver.Driver[pgx.Tx] = driver{}

// GetExecutor implements riverdriver.Driver.
func (d driver) GetExecutor() riverdriver.Executor {
	return executor{
		Executor: d.Driver.GetExecutor(),
		driver:   d,
		client:   d.client,
	}
}

// executor is River's executor; see driver.
type executor struct {
	riverdriver.Executor
	driver driver
	client *Client
}

// JobGetAvailable implements riverdriver.Executor: it fetches jobs, if this process may.
func (e executor) JobGetAvailable(
	ctx context.Context, params *riverdriver.JobGetAvailableParams,
) (*riverdriver.JobGetAvailableResult, error) {
	h := e.client.hands
	f := h.begin()
	if f == nil {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, max(fetchTimeout, e.client.config.Lease))
	defer cancel()
	result, err := e.Executor.JobGetAvailable(ctx, params)
	if err != nil || result == nil {
		h.end(f, nil)
		return result, err
	}
	taken, back := h.end(f, result.Jobs)
	if len(back) > 0 && !e.client.handBack(ctx, back) {
		h.keep(back) // the suspect waits for them
		taken = result.Jobs
	}
	result.Jobs = taken
	return result, nil
}

// JobSetStateIfRunningMany implements riverdriver.Executor: it writes the outcomes of attempts.
func (e executor) JobSetStateIfRunningMany(
	ctx context.Context, params *riverdriver.JobSetStateIfRunningManyParams,
) ([]*rivertype.JobRow, error) {
	rows, err := e.writeOutcomes(ctx, params)
	if err == nil {
		e.client.hands.done(params.ID)
	}
	return rows, err
}

// handBack returns jobs that were fetched and not begun to the queue, and reports whether it could.
func (c *Client) handBack(ctx context.Context, jobs []*rivertype.JobRow) bool {
	ids := make([]int64, len(jobs))
	for i, job := range jobs {
		ids[i] = job.ID
	}
	queues, err := c.db.HandBack(ctx, cancelMark, ids, c.id)
	if err != nil {
		c.log.WarnContext(ctx, "handing back jobs", "error", err)
		return false
	}
	c.wakeAll(queues)
	return true
}

// solitude lets a suspect begin when it is alone in its worker, so that its crash is its own.
type solitude struct {
	river.MiddlewareDefaults
	client *Client
}

// Work implements rivertype.WorkerMiddleware.
func (s *solitude) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if !suspect(job) {
		return work(ctx)
	}
	wait, cancel := context.WithTimeout(ctx, aloneTimeout)
	defer cancel()
	if err := s.client.hands.alone(wait, job.ID); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return river.JobSnooze(s.client.config.Lease)
	}
	if err := s.client.db.MarkAlone(wait, job.ID, *job.AttemptedAt); err != nil {
		s.client.log.WarnContext(ctx, "marking a job that is alone in its worker", "job", job.ID, "error", err)
	}
	return work(ctx)
}

package session

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// ErrTaken is the cause for which an attempt is interrupted whose job was taken from this process.
var ErrTaken = errors.New("the job was taken from this process, or told to stop")

// attempt is one under way.
type attempt struct {
	at   time.Time // when it began, which tells it from others at the same job
	stop context.CancelCauseFunc
}

// Attempts are those of a process, which end when their jobs are taken from it: because it was frozen, or cut off, and
// another one runs them, or because they were cancelled meanwhile. It is the middleware of all jobs.
type Attempts struct {
	river.MiddlewareDefaults
	db    *db.Queries
	mark  string // of a job that was told to stop
	mutex sync.Mutex
	jobs  map[int64]attempt
}

// NewAttempts returns Attempts without any. The mark is the key in the metadata of a job that was told to stop.
func NewAttempts(q *db.Queries, mark string) *Attempts {
	return &Attempts{
		db:   q,
		mark: mark,
		jobs: map[int64]attempt{},
	}
}

// Work implements rivertype.WorkerMiddleware.
func (a *Attempts) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if job.AttemptedAt == nil {
		return work(ctx)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a.begin(job.ID, attempt{at: *job.AttemptedAt, stop: stop})
	defer func() {
		a.mutex.Lock()
		defer a.mutex.Unlock()
		if a.jobs[job.ID].at.Equal(*job.AttemptedAt) { // the same job may run here again
			delete(a.jobs, job.ID)
		}
	}()
	return work(ctx)
}

// begin keeps an attempt. One that is under way at the same job was taken, and the job has come back before that was
// noticed.
func (a *Attempts) begin(job int64, next attempt) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if former, ok := a.jobs[job]; ok {
		former.stop(ErrTaken)
	}
	a.jobs[job] = next
}

// StopTaken interrupts the attempts that are not wanted any more, and returns their jobs.
func (a *Attempts) StopTaken(ctx context.Context) ([]int64, error) {
	a.mutex.Lock()
	ids := make([]int64, 0, len(a.jobs))
	began := make([]time.Time, 0, len(a.jobs))
	for id, attempt := range a.jobs {
		ids = append(ids, id)
		began = append(began, attempt.at)
	}
	a.mutex.Unlock()
	if len(ids) == 0 {
		return nil, nil
	}
	taken, err := a.db.ListTaken(ctx, ids, began, a.mark)
	if err != nil {
		return nil, err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, id := range taken {
		for i := range ids {
			if ids[i] == id && a.jobs[id].at.Equal(began[i]) {
				a.jobs[id].stop(ErrTaken)
			}
		}
	}
	return taken, nil
}

package measure

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue"
)

// The outcomes of one attempt at a tile.
const (
	outcomeCompleted   = "completed"
	outcomeRetried     = "retried"     // it failed and will be tried again
	outcomeFailed      = "failed"      // it failed and will not be tried again
	outcomeCancelled   = "cancelled"   // its multiplication has finished meanwhile
	outcomeInterrupted = "interrupted" // its worker stops and has handed it back
	outcomePostponed   = "postponed"   // no attempt: it waits for the database, for room, or for other tiles
)

func outcomes() []string {
	return []string{
		outcomeCompleted,
		outcomeRetried,
		outcomeFailed,
		outcomeCancelled,
		outcomeInterrupted,
		outcomePostponed,
	}
}

// Attempts observes the attempts at tiles and bundles.
type Attempts struct {
	river.MiddlewareDefaults
	Metrics   *Metrics
	TileKind  string           // of the jobs that compute tiles
	Permanent func(error) bool // reports whether an error is not tried again
}

// Work implements rivertype.WorkerMiddleware.
func (a *Attempts) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	m := a.Metrics
	if job.Kind != a.TileKind && job.Kind != queue.InlineKind {
		return work(ctx)
	}
	tiles := 1
	wait := func() {
		if job.AttemptedAt != nil {
			waited := max(0, job.AttemptedAt.Sub(queue.DueSince(job)).Seconds())
			observe(m.waited.WithLabelValues(job.Queue), waited, tiles)
		}
	}
	if job.Kind == queue.InlineKind { // when it is known how many there are
		defer wait()
	} else {
		wait()
	}
	m.busy.WithLabelValues(job.Queue).Inc()
	defer m.busy.WithLabelValues(job.Queue).Dec()
	start := time.Now()
	err := errPanicked
	defer func() { m.attempts.WithLabelValues(job.Queue, a.outcome(ctx, job, err)).Add(float64(tiles)) }()
	err = work(context.WithValue(ctx, tilesKey{}, &tiles))
	if err == nil {
		observe(m.computed.WithLabelValues(job.Queue), time.Since(start).Seconds()/float64(max(1, tiles)), tiles)
	}
	return err
}

// tilesKey is where an attempt finds the number of tiles that it computes.
type tilesKey struct{}

// Computes says how many tiles an attempt computes; an inline multiplication is one.
func Computes(ctx context.Context, n int) {
	if tiles, ok := ctx.Value(tilesKey{}).(*int); ok {
		*tiles = n
	}
}

// observe adds a value to a histogram n times.
func observe(h prometheus.Observer, value float64, n int) {
	for range n {
		h.Observe(value)
	}
}

// errPanicked stands for the error of an attempt that has not returned.
var errPanicked = errors.New("panic")

// outcome returns what an attempt that returned err comes to, as River and the error handler decide it.
func (a *Attempts) outcome(ctx context.Context, job *rivertype.JobRow, err error) string {
	var cancelled *rivertype.JobCancelError
	var snoozed *rivertype.JobSnoozeError
	switch {
	case err == nil:
		return outcomeCompleted
	case errors.As(err, &cancelled), errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return outcomeCancelled
	case errors.As(err, &snoozed):
		return outcomePostponed
	case ctx.Err() != nil:
		return outcomeInterrupted
	case a.Permanent(err), job.Attempt >= job.MaxAttempts:
		return outcomeFailed
	}
	return outcomeRetried
}

package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// parts returns what River calls. Each client knows each kind: a leader's rescuer discards the stuck jobs of kinds
// that it does not know.
func (c *Client) parts(engine *tile.Engine) queue.Parts {
	workers := river.NewWorkers()
	river.AddWorker(workers, &tileWorker{client: c, engine: engine})
	river.AddWorker(workers, &inlineWorker{client: c, engine: engine})
	river.AddWorker(workers, &sweepWorker{client: c})
	return queue.Parts{
		Workers:    workers,
		Errors:     &errorHandler{client: c, log: c.log},
		Middleware: []rivertype.Middleware{&attempts{metrics: c.metrics}},
		Periodic:   periodicJobs(),
	}
}

// errPermanent marks errors that no other attempt can mend.
var errPermanent = errors.New("permanent")

// permanent reports whether trying again is of no use: the data are wrong or gone. Other errors are taken to be
// transient.
func permanent(err error) bool {
	for _, target := range []error{
		errPermanent, store.ErrNotFound, matrix.ErrMalformed, matrix.ErrUnsupported, matrix.ErrShape, matrix.ErrTooLarge,
		blocks.ErrDamaged,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// errorHandler fails the multiplication of a tile that will not be tried again.
type errorHandler struct {
	client *Client
	log    *slog.Logger
}

// HandleError implements river.ErrorHandler.
func (h *errorHandler) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	final := permanent(err)
	if final || job.Attempt >= job.MaxAttempts {
		h.fail(ctx, job, err.Error())
	}
	h.log.WarnContext(ctx, "job failed", "job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "permanent", final,
		"error", told.ForLog(err))
	return &river.ErrorHandlerResult{SetCancelled: final}
}

// HandlePanic implements river.ErrorHandler.
func (h *errorHandler) HandlePanic(
	ctx context.Context, job *rivertype.JobRow, value any, trace string,
) *river.ErrorHandlerResult {
	if job.Attempt >= job.MaxAttempts {
		h.fail(ctx, job, fmt.Sprintf("panic: %v", value))
	}
	h.log.ErrorContext(ctx, "job panicked", "job", job.ID, "kind", job.Kind, "attempt", job.Attempt,
		"panic", told.PanicValue(value), logs.TraceKey, trace)
	return nil
}

// fail ends the multiplication that the job is a tile of, unless the job runs in another attempt by now, or was
// completed: the process may have been frozen, or have lost the response to its commit. What it cannot write now is
// reconciled later.
func (h *errorHandler) fail(ctx context.Context, job *rivertype.JobRow, reason string) {
	var args TileArgs
	if job.Kind != args.Kind() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), persist.Timeout)
	defer cancel()
	err := json.Unmarshal(job.EncodedArgs, &args)
	if err == nil {
		reason = fmt.Sprintf("tile %d, attempt %d of %d: %s", args.Tile, job.Attempt, job.MaxAttempts, reason)
		err = h.client.fail(ctx, ending{
			id:     args.MultiplicationID,
			reason: reason,
			byJob:  job.ID,
			due: func(ctx context.Context, tx *store.Tx) (bool, error) {
				return h.client.queue.AttemptIsPresentTx(ctx, tx, job.ID, job.AttemptedAt)
			},
		})
	}
	if err != nil {
		h.log.ErrorContext(ctx, "failing a multiplication", "multiplication", args.MultiplicationID, "error", err)
	}
}

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

// attempts observes the attempts at tiles.
type attempts struct {
	river.MiddlewareDefaults
	metrics *metrics
}

// Work implements rivertype.WorkerMiddleware.
func (a *attempts) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	m := a.metrics
	if job.Kind != (TileArgs{}).Kind() && job.Kind != queue.InlineKind {
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
	defer func() { m.attempts.WithLabelValues(job.Queue, outcome(ctx, job, err)).Add(float64(tiles)) }()
	err = work(context.WithValue(ctx, tilesKey{}, &tiles))
	if err == nil {
		observe(m.computed.WithLabelValues(job.Queue), time.Since(start).Seconds()/float64(max(1, tiles)), tiles)
	}
	return err
}

// tilesKey is where an attempt finds the number of tiles that it computes.
type tilesKey struct{}

// computes says how many tiles an attempt computes; an inline multiplication is one.
func computes(ctx context.Context, n int) {
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
func outcome(ctx context.Context, job *rivertype.JobRow, err error) string {
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
	case permanent(err), job.Attempt >= job.MaxAttempts:
		return outcomeFailed
	}
	return outcomeRetried
}

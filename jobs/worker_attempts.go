package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/backoff"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

// parts returns what River calls. Each client knows each kind: a leader's rescuer discards the stuck jobs of kinds
// that it does not know.
func (c *Client) parts(engine *tile.Engine) queue.Parts {
	workers := river.NewWorkers()
	river.AddWorker(workers, &tileWorker{client: c, engine: engine})
	river.AddWorker(workers, &inlineWorker{
		client: c,
		engine: engine,
		turns:  persist.NewTurns(),
	})
	river.AddWorker(workers, &sweepWorker{client: c})
	c.webhooks.AddTo(workers)
	return queue.Parts{
		Workers: workers,
		Errors:  &errorHandler{client: c, log: c.log},
		Middleware: measure.Middleware(&measure.Attempts{
			Metrics:   c.metrics,
			TileKind:  TileArgs{}.Kind(),
			Permanent: backoff.Permanent,
		}, c.config.Tracer),
		Periodic: periodicJobs(),
		Queues:   c.webhooks.Queues(),
	}
}

// errorHandler fails the multiplication of a tile that will not be tried again.
type errorHandler struct {
	client *Client
	log    *slog.Logger
}

// HandleError implements river.ErrorHandler.
func (h *errorHandler) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	final := backoff.Permanent(err)
	level := slog.LevelWarn
	if errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely) { // as a client, or a person, wanted
		level = slog.LevelDebug
	} else if final || job.Attempt >= job.MaxAttempts {
		h.fail(ctx, job, err.Error())
	}
	h.log.With(measure.Subject(job)).Log(ctx, level, "job failed", "permanent", final, "error", told.ForLog(err))
	return &river.ErrorHandlerResult{SetCancelled: final}
}

// HandlePanic implements river.ErrorHandler.
func (h *errorHandler) HandlePanic(
	ctx context.Context, job *rivertype.JobRow, value any, trace string,
) *river.ErrorHandlerResult {
	if job.Attempt >= job.MaxAttempts {
		h.fail(ctx, job, fmt.Sprintf("panic: %v", value))
	}
	h.log.With(measure.Subject(job)).ErrorContext(ctx, "job panicked",
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

// maxPostponed is how often a tile is postponed before the unavailability counts as a failure of its attempt: an error
// that always looks like it must end at some time.
const maxPostponed = 10_000

// postpone returns what River is told of an attempt that returned err: one that ended because the database is
// unavailable is no attempt, and the job is tried again after a pause.
func (c *Client) postpone(ctx context.Context, job *rivertype.JobRow, err error) error {
	if !store.Unavailable(err) && !errors.Is(err, persist.ErrUnavailable) || queue.Snoozes(job) >= maxPostponed {
		return err
	}
	c.log.With(measure.Subject(job)).WarnContext(ctx, "a job is postponed until database and block store are available",
		"error", err)
	return river.JobSnooze(persist.LastPause)
}

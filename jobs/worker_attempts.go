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
		Workers: workers,
		Errors:  &errorHandler{client: c, log: c.log},
		Middleware: []rivertype.Middleware{&measure.Attempts{
			Metrics:   c.metrics,
			TileKind:  TileArgs{}.Kind(),
			Permanent: permanent,
		}},
		Periodic: periodicJobs(),
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

package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// errPermanent marks errors that no other attempt can mend.
var errPermanent = errors.New("permanent")

// permanent reports whether it is of no use to try again: the data are wrong or gone. All other errors are taken to be
// transient.
func permanent(err error) bool {
	for _, target := range []error{
		errPermanent, store.ErrNotFound, matrix.ErrMalformed, matrix.ErrUnsupported, matrix.ErrShape, matrix.ErrTooLarge,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// retryPolicy is exponential backoff with jitter: 1 s, 2 s, 4 s … 5 min, each between a half and the whole of it, so that
// what failed together does not come back together.
type retryPolicy struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	since := job.Attempt - (job.MaxAttempts - maxAttempts) // a retry by hand adds attempts and begins anew
	return time.Now().Add(backoff(since, rand.Float64()))  //nolint:gosec // jitter is no secret
}

// backoff returns the pause after the given attempt, which counts from 1; jitter is in [0,1).
func backoff(attempt int, jitter float64) time.Duration {
	pause := lastRetry
	if shift := max(0, attempt-1); shift < 30 {
		pause = min(pause, firstRetry<<shift)
	}
	return pause/2 + time.Duration(jitter*float64(pause/2))
}

// errorHandler fails the product of a tile that will not be tried again.
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
	h.log.WarnContext(ctx, "job failed", "job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "permanent", final, "error", err)
	return &river.ErrorHandlerResult{SetCancelled: final}
}

// HandlePanic implements river.ErrorHandler.
func (h *errorHandler) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	if job.Attempt >= job.MaxAttempts {
		h.fail(ctx, job, fmt.Sprintf("panic: %v", value))
	}
	h.log.ErrorContext(ctx, "job panicked", "job", job.ID, "kind", job.Kind, "attempt", job.Attempt, "panic", value, "trace", trace)
	return nil
}

// fail ends the product that the job is a tile of. What it cannot write now the reconciler will find.
func (h *errorHandler) fail(ctx context.Context, job *rivertype.JobRow, reason string) {
	args, err := tileArgs(job)
	if err != nil {
		return // not a tile
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	reason = fmt.Sprintf("tile %d, attempt %d of %d: %s", args.Tile, job.Attempt, job.MaxAttempts, reason)
	if err := h.client.end(ctx, args.MultiplicationID, store.Failed, reason, job.ID); err != nil {
		h.log.ErrorContext(ctx, "failing a multiplication", "multiplication", args.MultiplicationID, "error", err)
	}
}

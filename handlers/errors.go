package handlers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/quotas"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/retention"
	"github.com/millrace/millrace/watch"
)

// errConflict is the fault of a request that is right at another time. Packages below report the others.
var errConflict = errors.New("conflict")

// statuses is the table from error to status. The first match counts; other errors are a 503 if the database is
// unavailable, else a 500.
var statuses = []struct {
	err    error
	status int
}{
	{payload.ErrBadRequest, http.StatusBadRequest},
	{payload.ErrInvalid, http.StatusUnprocessableEntity},
	{payload.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{payload.ErrEncoding, http.StatusUnsupportedMediaType},
	{payload.ErrMediaType, http.StatusUnsupportedMediaType},
	{download.ErrNotAccepted, http.StatusNotAcceptable},
	{errConflict, http.StatusConflict},
	{matrix.ErrMalformed, http.StatusBadRequest},
	{matrix.ErrUnsupported, http.StatusUnprocessableEntity},
	{matrix.ErrShape, http.StatusUnprocessableEntity},
	{matrix.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{retention.ErrBounds, http.StatusUnprocessableEntity},
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrNotReady, http.StatusConflict},
	{store.ErrBusy, http.StatusServiceUnavailable},
	{guard.ErrWaiting, http.StatusServiceUnavailable},
	{guard.ErrClientWaiting, http.StatusTooManyRequests},
	{admission.ErrOverloaded, http.StatusTooManyRequests},
	{jobs.ErrInUse, http.StatusConflict},
	{store.ErrKeyUsed, http.StatusConflict},
	{watch.ErrStopped, http.StatusServiceUnavailable},
	{jobs.ErrOlderProcesses, http.StatusServiceUnavailable},
	{retention.ErrUnknown, http.StatusServiceUnavailable},
	{jobs.ErrFinished, http.StatusConflict},
	{jobs.ErrCompleted, http.StatusConflict},
	{jobs.ErrActive, http.StatusConflict},
	{blocks.ErrDamaged, http.StatusInternalServerError},
	{blocks.ErrFull, http.StatusInsufficientStorage},
	{store.ErrNoSpace, http.StatusInsufficientStorage},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout},
}

// fail returns the error that Huma responds with. An error that is not in the table is logged, and clients do not get
// its text.
func (a *API) fail(ctx context.Context, err error) error {
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return a.failAs(ctx, s.status, err)
		}
	}
	if refused := quotas.Refused(ctx, err, a.refusals); refused != nil {
		return refused
	}
	if identity.Refused(err) {
		return auth.Problem(err)
	}
	if errors.Is(ctx.Err(), context.Canceled) { // the client is gone
		return huma.NewError(http.StatusBadRequest, "the request was cancelled")
	}
	if store.Full(err) {
		return a.fail(ctx, fmt.Errorf("%w: %w", blocks.ErrFull, err))
	}
	if store.Unavailable(err) {
		a.refusals.Note(ctx, guard.Database, "error", err)
		return tryLater("the database is not available, try again later")
	}
	a.log.ErrorContext(ctx, "request failed", "error", err)
	return huma.NewError(http.StatusInternalServerError, "internal error, see the log of the API")
}

// failAs returns the error for one that is in the table.
func (a *API) failAs(ctx context.Context, status int, err error) error {
	detail := told.ForClients(err).Error()
	switch status {
	case http.StatusUnsupportedMediaType:
		if errors.Is(err, payload.ErrEncoding) {
			return huma.ErrorWithHeaders(huma.NewError(status, detail), http.Header{"Accept-Encoding": {"identity"}})
		}
	case http.StatusTooManyRequests:
		var overload admission.OverloadError
		if errors.As(err, &overload) {
			a.refusals.Note(ctx, guard.Backlog, "error", err)
			return retryAfter(status, strconv.Itoa(max(1, int(math.Ceil(overload.RetryAfter.Seconds())))), detail)
		}
		return retryAfter(status, soon, detail)
	case http.StatusServiceUnavailable:
		if errors.Is(err, store.ErrBusy) {
			a.refusals.Note(ctx, guard.Memory, "error", err)
		}
		return tryLater(detail)
	case http.StatusInsufficientStorage:
		a.refusals.Note(ctx, guard.Space, "error", err)
		if !errors.Is(err, store.ErrNoSpace) {
			detail = "the block store is full, try again later"
		}
		return retryAfter(status, fullRetry, detail)
	case http.StatusInternalServerError:
		a.log.ErrorContext(ctx, "request failed", "error", err)
	}
	return huma.NewError(status, detail)
}

// The times after which clients are asked to try again, in seconds.
const (
	soon      = "5"
	fullRetry = "60" // by then a sweep has run
)

// tryLater returns a 503 for a request that may succeed soon.
func tryLater(detail string) error {
	return retryAfter(http.StatusServiceUnavailable, soon, detail)
}

// retryAfter returns an error for a request that may succeed after some seconds.
func retryAfter(status int, seconds, detail string) error {
	return huma.ErrorWithHeaders(huma.NewError(status, detail), http.Header{"Retry-After": {seconds}})
}

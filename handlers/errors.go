package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// The faults of a request that packages below do not report.
var (
	errNotAccepted = errors.New("not acceptable")
	errConflict    = errors.New("conflict")
)

// statuses is the table from error to status. The first match counts; other errors are a 503 if the database is
// unavailable, else a 500.
var statuses = []struct {
	err    error
	status int
}{
	{payload.ErrBadRequest, http.StatusBadRequest},
	{payload.ErrInvalid, http.StatusUnprocessableEntity},
	{payload.ErrMediaType, http.StatusUnsupportedMediaType},
	{errNotAccepted, http.StatusNotAcceptable},
	{errConflict, http.StatusConflict},
	{matrix.ErrMalformed, http.StatusBadRequest},
	{matrix.ErrUnsupported, http.StatusUnprocessableEntity},
	{matrix.ErrShape, http.StatusUnprocessableEntity},
	{matrix.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrNotReady, http.StatusConflict},
	{store.ErrBusy, http.StatusServiceUnavailable},
	{jobs.ErrInUse, http.StatusConflict},
	{store.ErrKeyUsed, http.StatusConflict},
	{watch.ErrStopped, http.StatusServiceUnavailable},
	{jobs.ErrFinished, http.StatusConflict},
	{jobs.ErrCompleted, http.StatusConflict},
	{jobs.ErrActive, http.StatusConflict},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout},
}

// fail returns the error that Huma responds with. An error that is not in the table is logged, and clients do not get
// its text.
func (a *API) fail(ctx context.Context, err error) error {
	for _, s := range statuses {
		if !errors.Is(err, s.err) {
			continue
		}
		if s.status == http.StatusServiceUnavailable {
			return tryLater(err.Error())
		}
		return huma.NewError(s.status, err.Error())
	}
	if errors.Is(ctx.Err(), context.Canceled) { // the client is gone
		return huma.NewError(http.StatusBadRequest, "the request was cancelled")
	}
	a.log.ErrorContext(ctx, "request failed", "error", err)
	if store.Unavailable(err) {
		return tryLater("the database is not available, try again later")
	}
	return huma.NewError(http.StatusInternalServerError, "internal error, see the log of the API")
}

// retryAfter is how long clients are asked to wait, in seconds.
const retryAfter = "5"

// tryLater returns a 503 for a request that may succeed soon.
func tryLater(detail string) error {
	err := huma.NewError(http.StatusServiceUnavailable, detail)
	return huma.ErrorWithHeaders(err, http.Header{"Retry-After": {retryAfter}})
}

// withProblems turns the error responses of the standard library, of its mux and of http.ServeContent, into problems.
func withProblems(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&problemWriter{ResponseWriter: w, request: r}, r)
	})
}

type problemWriter struct {
	http.ResponseWriter
	request  *http.Request
	replaced bool // the body of an error has been replaced; what next writes is dropped
}

func (w *problemWriter) WriteHeader(status int) {
	header := w.Header()
	if status < http.StatusBadRequest || header.Get("Content-Type") == resource.MediaProblem {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.replaced = true
	header.Set("Content-Type", resource.MediaProblem)
	header.Del("Content-Disposition")
	w.ResponseWriter.WriteHeader(status)
	detail := fmt.Sprintf("%s %.200s", w.request.Method, w.request.URL.Path)
	_ = json.NewEncoder(w.ResponseWriter).Encode(huma.NewError(status, detail)) // the client may be gone
}

func (w *problemWriter) Write(p []byte) (int, error) {
	if w.replaced {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *problemWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

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
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// The faults of a request that the packages below know nothing of.
var (
	errNotAccepted = errors.New("not acceptable")
	errConflict    = errors.New("conflict")
)

// statuses is the one table from error to status. The first match counts; what is not in it is a 500.
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
	{store.ErrNoSpace, http.StatusInsufficientStorage},
	{jobs.ErrInUse, http.StatusConflict},
	{store.ErrKeyUsed, http.StatusConflict},
	{watch.ErrStopped, http.StatusServiceUnavailable},
	{jobs.ErrFinished, http.StatusConflict},
	{jobs.ErrCompleted, http.StatusConflict},
	{jobs.ErrActive, http.StatusConflict},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout},
}

// fail turns an error into the answer to a client. What is not the client's fault is logged, whole and once, and told
// to nobody else.
func (a *API) fail(ctx context.Context, err error) error {
	for _, s := range statuses {
		if !errors.Is(err, s.err) {
			continue
		}
		switch s.status {
		case http.StatusServiceUnavailable:
			return tryLater(err.Error())
		case http.StatusInsufficientStorage: // until a multiplication has finished, or results were deleted
			problem := huma.NewError(s.status, err.Error())
			return huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {"60"}})
		}
		return huma.NewError(s.status, err.Error())
	}
	if ctx.Err() != nil { // the client is gone, there is nobody to tell
		return huma.NewError(http.StatusBadRequest, "the request was cancelled")
	}
	a.log.ErrorContext(ctx, "request failed", "error", err)
	if store.Unavailable(err) {
		return tryLater("the database is not available, try again later")
	}
	return huma.NewError(http.StatusInternalServerError, "internal error, see the log of the API")
}

// tryLater is the answer when the same request may succeed soon.
func tryLater(detail string) error {
	return huma.ErrorWithHeaders(huma.NewError(http.StatusServiceUnavailable, detail), http.Header{"Retry-After": {"5"}})
}

const problemType = "application/problem+json"

// withProblems gives the errors of the standard library, those of its mux and of http.ServeContent, the form of all
// others.
func withProblems(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&problemWriter{ResponseWriter: w, request: r}, r)
	})
}

type problemWriter struct {
	http.ResponseWriter
	request  *http.Request
	replaced bool // what follows is the body of the error that was replaced
}

func (w *problemWriter) WriteHeader(status int) {
	header := w.Header()
	if status < http.StatusBadRequest || header.Get("Content-Type") == problemType {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.replaced = true
	header.Set("Content-Type", problemType)
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

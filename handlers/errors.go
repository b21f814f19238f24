package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/danielgtaylor/huma/v2"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// The faults of a request that the layers below know nothing of.
var (
	errBadRequest  = errors.New("bad request")
	errInvalid     = errors.New("invalid request")
	errMediaType   = errors.New("unsupported media type")
	errNotAccepted = errors.New("not acceptable")
	errConflict    = errors.New("conflict")
)

// statuses is the one table from error to status. The first match counts; what is not in it is a 500.
var statuses = []struct {
	err    error
	status int
}{
	{errBadRequest, http.StatusBadRequest},
	{errInvalid, http.StatusUnprocessableEntity},
	{errMediaType, http.StatusUnsupportedMediaType},
	{errNotAccepted, http.StatusNotAcceptable},
	{errConflict, http.StatusConflict},
	{matrix.ErrMalformed, http.StatusBadRequest},
	{matrix.ErrUnsupported, http.StatusUnprocessableEntity},
	{matrix.ErrShape, http.StatusUnprocessableEntity},
	{matrix.ErrTooLarge, http.StatusRequestEntityTooLarge},
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrNotReady, http.StatusConflict},
	{store.ErrBusy, http.StatusServiceUnavailable},
	{jobs.ErrFinal, http.StatusConflict},
	{os.ErrDeadlineExceeded, http.StatusRequestTimeout},
}

// fail turns an error into the answer to a client. What is not the client's fault is logged, whole and once, and told
// to nobody else.
func (a *API) fail(ctx context.Context, err error) error {
	for _, s := range statuses {
		if !errors.Is(err, s.err) {
			continue
		}
		answer := huma.NewError(s.status, err.Error())
		if s.status == http.StatusServiceUnavailable {
			return huma.ErrorWithHeaders(answer, http.Header{"Retry-After": {"5"}})
		}
		return answer
	}
	if ctx.Err() != nil { // the client is gone, there is nobody to tell
		return huma.NewError(http.StatusBadRequest, "the request was cancelled")
	}
	a.log.ErrorContext(ctx, "request failed", "error", err)
	return huma.NewError(http.StatusInternalServerError, "internal error, see the log of the API")
}

// withProblems gives the answers of the mux itself, 404 and 405, the form of all other errors.
func withProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := &statusRecorder{header: w.Header(), status: http.StatusOK}
		own.ServeHTTP(answer, r)
		writeProblem(w, answer.status, fmt.Sprintf("%s %s", r.Method, r.URL.Path))
	})
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.NewError(status, detail))
}

// statusRecorder keeps the status and the headers of an answer and drops its body.
type statusRecorder struct {
	header http.Header
	status int
}

func (s *statusRecorder) Header() http.Header         { return s.header }
func (s *statusRecorder) Write(p []byte) (int, error) { return len(p), nil }
func (s *statusRecorder) WriteHeader(status int)      { s.status = status }

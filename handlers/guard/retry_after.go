package guard

import (
	"context"
	"net/http"

	"github.com/millrace/millrace/handlers/problem"
	"github.com/millrace/millrace/store/database"
)

// ServeCopy has next serve a copy of a request, with another context, and keeps the route that it matches.
func ServeCopy(ctx context.Context, next http.Handler, w http.ResponseWriter, r *http.Request) {
	inner := r.WithContext(ctx)
	defer func() { r.Pattern = inner.Pattern }() // also after a panic
	next.ServeHTTP(w, inner)
}

// WithRetryAfter wraps a handler that hides the errors of its statements: when the database is unavailable its errors
// become a 503 that asks to try again.
func WithRetryAfter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, outcome := database.WithOutcome(r.Context())
		ServeCopy(ctx, next, &retryAfterWriter{ResponseWriter: w, outcome: outcome}, r)
	})
}

type retryAfterWriter struct {
	http.ResponseWriter
	outcome *database.Outcome
}

// WriteHeader implements http.ResponseWriter.
func (w *retryAfterWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest && w.outcome.Unavailable() {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", problem.Unavailable.Retry())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *retryAfterWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

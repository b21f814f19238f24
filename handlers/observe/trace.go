package observe

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"github.com/millrace/millrace/internal/tracing"
)

var errServer = errors.New("the server failed")

// trace says what the span of a request was about, if it is recorded: routes, not paths and queries, which a client
// may write anything into.
func trace(ctx context.Context, r *http.Request, route string, w *countedWriter, received int64) {
	span := tracing.Of(ctx)
	if !span.On() {
		return
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	span.Name(methodOf(r) + " " + route)
	span.Set(
		attribute.String("http.request.method", methodOf(r)),
		attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status),
		attribute.Int64("http.request.body.size", received),
		attribute.Int64("http.response.body.size", w.bytes),
		attribute.String("millrace.request.id", w.Header().Get("X-Request-Id")),
	)
	if status >= http.StatusInternalServerError {
		span.Fail(errServer)
	}
}

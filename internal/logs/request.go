package logs

import (
	"context"
	"log/slog"
)

type requestKey struct{}

// WithRequest returns a context whose lines have the id of a request.
func WithRequest(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, requestKey{}, id)
}

// WithContext returns a log whose lines have what their context tells: the id of a request.
func WithContext(log *slog.Logger) *slog.Logger {
	if _, ok := log.Handler().(contextual); ok {
		return log
	}
	return slog.New(contextual{log.Handler()})
}

type contextual struct{ slog.Handler }

// Handle implements slog.Handler.
func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestKey{}).(string); ok {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h contextual) WithGroup(name string) slog.Handler { return contextual{h.Handler.WithGroup(name)} }

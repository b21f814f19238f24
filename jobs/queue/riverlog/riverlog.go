// Package riverlog has River log what is wrong, and only that.
package riverlog

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/riverqueue/river/rivertype"
)

// warnings passes on warnings and worse. River reports every few seconds that nothing is wrong, and each failed job,
// which the error handler of package jobs logs.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// Handle drops records of errors that are nothing but the cancellation of their context: River logs them when it is
// stopped in the middle of a query, and when a client has cancelled a job, which is no fault.
func (w warnings) Handle(ctx context.Context, r slog.Record) error {
	if errors.Is(ctx.Err(), context.Canceled) && reports(r, context.Canceled) ||
		reports(r, rivertype.ErrJobCancelledRemotely) {
		return nil
	}
	return w.Handler.Handle(ctx, r)
}

// reports reports whether the error in a record is a certain one. River logs errors, or their texts.
func reports(r slog.Record, err error) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" || a.Key == "error" {
			found = strings.Contains(a.Value.String(), err.Error())
		}
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// New returns what River logs to: at level debug everything, otherwise what is wrong.
func New(log *slog.Logger) *slog.Logger {
	if log.Enabled(context.Background(), slog.LevelDebug) { //house:ignore bound it waits for nothing
		return log
	}
	return slog.New(warnings{log.Handler()})
}

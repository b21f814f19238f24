package riverlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
)

// TestNew: River's warnings and errors are logged, unless a stop is all that they report.
func TestNew(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	wrapped := fmt.Errorf("timeout: context already done: %w", context.Canceled)
	for _, c := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // an argument
		log  func(*slog.Logger, context.Context)
		want bool
	}{
		{"info", t.Context(), func(l *slog.Logger, ctx context.Context) { l.InfoContext(ctx, "x") }, false},
		{"warning", t.Context(), func(l *slog.Logger, ctx context.Context) { l.WarnContext(ctx, "x") }, true},
		{"warning of a stop", cancelled, func(l *slog.Logger, ctx context.Context) { l.WarnContext(ctx, "x") }, true},
		{"error", t.Context(), func(l *slog.Logger, ctx context.Context) { l.ErrorContext(ctx, "x", "err", wrapped) }, true},
		{"stop", cancelled, func(l *slog.Logger, ctx context.Context) { l.ErrorContext(ctx, "x", "err", wrapped) }, false},
		{"stop, as text", cancelled, func(l *slog.Logger, ctx context.Context) {
			l.With("a", 1).ErrorContext(ctx, "x", "queue", "tiles", "error", wrapped.Error())
		}, false},
		{"error during a stop", cancelled, func(l *slog.Logger, ctx context.Context) {
			l.ErrorContext(ctx, "x", "err", errors.New("disk full"))
		}, true},
	} {
		var text bytes.Buffer
		c.log(New(slog.New(slog.NewTextHandler(&text, nil))), c.ctx)
		if got := text.Len() > 0; got != c.want {
			t.Errorf("%s: logged %t, want %t", c.name, got, c.want)
		}
	}
}

package auth

import (
	"context"
	"time"

	"github.com/millrace/millrace/identity"
)

// Keep returns a context that ends when the token of the request is not valid any more, at which it looks once in each
// interval; Why says why. A database that does not respond ends nothing. The caller must call stop.
func Keep(ctx context.Context, interval time.Duration) (kept context.Context, stop func()) {
	c := callerOf(ctx)
	if c == nil {
		return ctx, func() {}
	}
	kept, cancel := context.WithCancelCause(ctx)
	go c.keep(kept, cancel, interval)
	return kept, func() { cancel(nil) }
}

func (c *caller) keep(ctx context.Context, cancel context.CancelCauseFunc, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := c.verify(ctx); identity.Refused(err) {
			cancel(err)
			return
		}
	}
}

// Why returns the error of the token because of which a context of Keep has ended, or err.
func Why(kept context.Context, err error) error {
	if cause := context.Cause(kept); err != nil && identity.Refused(cause) {
		return cause
	}
	return err
}

package s3

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// How long things take at most. An operation is tried again after a pause of random length, whose limit doubles, so
// that processes that were refused together do not come back together.
const (
	tries      = 8
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
	// tryTimeout is that of one try: 2 MiB at less than 150 KiB a second are as good as none.
	tryTimeout = 15 * time.Second
)

// retry calls f until it succeeds or fails for good. Errors: those of explain, ErrUnavailable, that of ctx.
func retry(ctx context.Context, f func(context.Context) error) error {
	limit := firstPause
	for try := 1; ; try++ {
		err := limited(ctx, f)
		if err == nil {
			return nil
		}
		if cause := ended(ctx); cause != nil {
			return cause
		}
		meaning, again := explain(err)
		if !again {
			return meaning
		}
		if try == tries {
			return fmt.Errorf("%w: %d tries, the last one: %w", ErrUnavailable, tries, meaning)
		}
		pause := time.NewTimer(rand.N(limit)) //nolint:gosec // not a secret
		select {
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-pause.C:
		}
		limit = min(2*limit, lastPause)
	}
}

// limited calls f with a context that ends in time. What a try that was too slow returns must not look as if the
// caller had given it up.
func limited(ctx context.Context, f func(context.Context) error) error {
	trying, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return f(trying)
}

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

// slowest is how many bytes of a large request a second brings at least; a try that is slower is ended.
const slowest = 150 << 10

// hastyTries is how often an operation is tried for which a client waits.
const hastyTries = 3

// hasty is the key of a context whose operations are tried less often.
type hasty struct{}

// Hasty returns a context for operations that a client waits for: they fail sooner if the store is unavailable.
func Hasty(ctx context.Context) context.Context { return context.WithValue(ctx, hasty{}, true) }

// retry calls f until it succeeds or fails for good. Errors: those of explain, ErrUnavailable, that of ctx.
func retry(ctx context.Context, f func(context.Context) error) error { return retryLarge(ctx, 0, f) }

// retryLarge is retry for a request that carries so many bytes.
func retryLarge(ctx context.Context, bytes int64, f func(context.Context) error) error {
	limit := firstPause
	tries := tries
	if ctx.Value(hasty{}) != nil {
		tries = hastyTries
	}
	for try := 1; ; try++ {
		err := limited(ctx, tryTimeout+time.Duration(bytes)*time.Second/slowest, f)
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
func limited(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	trying, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(trying)
}

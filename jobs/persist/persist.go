// Package persist writes what has been computed although the database is unavailable for a while, or the process stops.
package persist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/store"
)

const (
	// firstPause is between two tries while the database is unavailable, at first.
	firstPause = 100 * time.Millisecond
	// LastPause is between two tries later on.
	LastPause = 2 * time.Second
	// Timeout bounds one try, and all tries while the process stops.
	Timeout = 30 * time.Second
)

// ErrUnavailable marks errors of a database that has been unavailable until there was no more time to wait for it.
var ErrUnavailable = errors.New("the database is unavailable")

// Do calls f until the database is available, and returns what it returns then, or ErrUnavailable when ctx is done
// before. Each call has Timeout. So f may be called again after it has succeeded without telling.
func Do(ctx context.Context, f func(context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, LastPause) {
		err := limited(ctx, f)
		late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
		if !late && !store.Unavailable(err) || store.Full(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		case <-time.After(pause):
		}
	}
}

func limited(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	return f(ctx)
}

// Outlast returns a context that is done some time after ctx is, and must be cancelled.
func Outlast(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(by, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() {
		stop()
		cancel()
	}
}

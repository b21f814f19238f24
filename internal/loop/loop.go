// Package loop repeats what a process does in the background.
package loop

import (
	"context"
	"time"
)

// Every calls f once per interval until ctx is done.
func Every(ctx context.Context, interval time.Duration, f func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f(ctx)
		}
	}
}

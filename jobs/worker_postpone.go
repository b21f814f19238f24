package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

const (
	// firstPause and lastPause are between tries to store a tile, and between attempts, while the database is
	// unavailable.
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
	// maxPostponed is how often a tile is postponed before the unavailability counts as a failure of its attempt: an
	// error that always looks like it must end at some time.
	maxPostponed = 10_000
)

// errUnavailable marks errors of a database that has been unavailable until there was no more time to wait for it.
var errUnavailable = errors.New("the database is unavailable")

// persist calls f until the database is available, and returns what it returns then, or errUnavailable when ctx is
// done before. Each call has storeTimeout. So f may be called again after it has succeeded without telling.
func persist(ctx context.Context, f func(context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := limited(ctx, f)
		late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
		if !late && !store.Unavailable(err) || store.Full(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errUnavailable, err)
		case <-time.After(pause):
		}
	}
}

func limited(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return f(ctx)
}

// outlast returns a context that is done some time after ctx is, and must be cancelled.
func outlast(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
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

// postpone returns what River is told of an attempt that returned err: one that ended because the database is
// unavailable is no attempt, and the job is tried again after a pause.
func (c *Client) postpone(ctx context.Context, job *rivertype.JobRow, err error) error {
	if !store.Unavailable(err) && !errors.Is(err, errUnavailable) || queue.Snoozes(job) >= maxPostponed {
		return err
	}
	c.log.WarnContext(ctx, "a job is postponed until the database is available", "job", job.ID, "error", err)
	return river.JobSnooze(lastPause)
}

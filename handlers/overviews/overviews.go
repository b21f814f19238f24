// Package overviews reads the overview of the system for many requests at once.
package overviews

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/millrace/millrace/jobs"
)

const (
	// age is how old an overview may be.
	age = time.Second
	// rest is the least time between two reads, in multiples of the duration of the last one: with a long backlog
	// counting jobs must not become a load of its own.
	rest = 20
	// timeout bounds one read.
	timeout = 10 * time.Second
)

// Reader reads the overview once for several requests.
type Reader struct {
	jobs   *jobs.Client
	flight singleflight.Group

	mu    sync.Mutex
	last  jobs.Overview
	at    time.Time // of the last read
	until time.Time // when last is too old
}

// New returns a Reader.
func New(c *jobs.Client) *Reader { return &Reader{jobs: c} }

// cached returns the last overview and its time, and reports whether it is recent enough.
func (o *Reader) cached() (jobs.Overview, time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, o.at, time.Now().Before(o.until)
}

// Get returns a recent overview and its time. The read goes on if the request that began it is cancelled, since
// others may share it.
func (o *Reader) Get(ctx context.Context) (jobs.Overview, time.Time, error) {
	if last, at, ok := o.cached(); ok {
		return last, at, nil
	}
	done := o.flight.DoChan("", func() (any, error) {
		if _, _, ok := o.cached(); ok { // another read has just ended
			return nil, nil
		}
		return nil, o.read(context.WithoutCancel(ctx)) //house:ignore bound read has timeout
	})
	select {
	case result := <-done:
		last, at, _ := o.cached()
		return last, at, result.Err
	case <-ctx.Done():
		return jobs.Overview{}, time.Time{}, ctx.Err()
	}
}

func (o *Reader) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	seen, err := o.jobs.Overview(ctx)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last = seen
	o.at = start
	o.until = time.Now().Add(max(age, rest*time.Since(start)))
	return nil
}

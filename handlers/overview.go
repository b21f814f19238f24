package handlers

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

const (
	// overviewAge is how old the numbers may be.
	overviewAge = time.Second
	// overviewRest is the least time between two looks at the queues, in multiples of what the last one took: with a huge
	// backlog counting must not become a load of its own.
	overviewRest = 20
	// overviewTimeout bounds one look.
	overviewTimeout = 10 * time.Second
)

// overviews looks at the queues for all clients together.
type overviews struct {
	jobs   *jobs.Client
	flight singleflight.Group
	mutex  sync.Mutex
	last   jobs.Overview
	at     time.Time // of the last look
	until  time.Time // when it is too old
}

// cached returns the last look, unless it is too old.
func (o *overviews) cached() (jobs.Overview, time.Time, bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.last, o.at, time.Now().Before(o.until)
}

// get returns a look that is not too old. One client's leaving does not spoil it for the others.
func (o *overviews) get(ctx context.Context) (jobs.Overview, time.Time, error) {
	if last, at, ok := o.cached(); ok {
		return last, at, nil
	}
	done := o.flight.DoChan("", func() (any, error) {
		if _, _, ok := o.cached(); ok { // another flight has just landed
			return nil, nil
		}
		return nil, o.look(context.WithoutCancel(ctx))
	})
	select {
	case result := <-done:
		last, at, _ := o.cached()
		return last, at, result.Err
	case <-ctx.Done():
		return jobs.Overview{}, time.Time{}, ctx.Err()
	}
}

func (o *overviews) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, overviewTimeout)
	defer cancel()
	start := time.Now()
	seen, err := o.jobs.Overview(ctx)
	if err != nil {
		return err
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.last, o.at, o.until = seen, start, time.Now().Add(max(overviewAge, overviewRest*time.Since(start)))
	return nil
}

type overviewOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         resource.Overview
}

// getOverview answers GET /v1/overview.
func (a *API) getOverview(ctx context.Context, _ *struct{}) (*overviewOutput, error) {
	seen, at, err := a.overviews.get(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &overviewOutput{CacheControl: "no-store", Body: a.overviewBody(seen, at)}, nil
}

package handlers

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/millrace/millrace/handlers/quotas"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

const (
	// overviewAge is how old an overview may be.
	overviewAge = time.Second
	// overviewRest is the least time between two reads, in multiples of the duration of the last one: with a long backlog
	// counting jobs must not become a load of its own.
	overviewRest = 20
	// overviewTimeout bounds one read.
	overviewTimeout = 10 * time.Second
)

// overviews reads the overview once for several requests.
type overviews struct {
	jobs   *jobs.Client
	flight singleflight.Group

	mu    sync.Mutex
	last  jobs.Overview
	at    time.Time // of the last read
	until time.Time // when last is too old
}

// cached returns the last overview and its time, and reports whether it is recent enough.
func (o *overviews) cached() (jobs.Overview, time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last, o.at, time.Now().Before(o.until)
}

// get returns a recent overview and its time. The read goes on if the request that began it is cancelled, since
// others may share it.
func (o *overviews) get(ctx context.Context) (jobs.Overview, time.Time, error) {
	if last, at, ok := o.cached(); ok {
		return last, at, nil
	}
	done := o.flight.DoChan("", func() (any, error) {
		if _, _, ok := o.cached(); ok { // another read has just ended
			return nil, nil
		}
		return nil, o.read(context.WithoutCancel(ctx)) //house:ignore bound read has overviewTimeout
	})
	select {
	case result := <-done:
		last, at, _ := o.cached()
		return last, at, result.Err
	case <-ctx.Done():
		return jobs.Overview{}, time.Time{}, ctx.Err()
	}
}

func (o *overviews) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, overviewTimeout)
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
	o.until = time.Now().Add(max(overviewAge, overviewRest*time.Since(start)))
	return nil
}

type limitsOutput struct {
	Body resource.Limits
}

// getLimits handles GET /v1/limits.
func (a *API) getLimits(ctx context.Context, _ *struct{}) (*limitsOutput, error) {
	limits, err := quotas.Limits(ctx, a.jobs.Quotas(), principal(ctx).Tenant)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &limitsOutput{Body: limits}, nil
}

type overviewOutput struct {
	Body resource.Overview
}

// getOverview handles GET /v1/overview.
func (a *API) getOverview(ctx context.Context, _ *struct{}) (*overviewOutput, error) {
	seen, at, err := a.overviews.get(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &overviewOutput{Body: a.overviewBody(principal(ctx), seen, at)}, nil
}

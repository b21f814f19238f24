// Package load sends requests to a service as independent clients would, and measures how long each of them takes.
package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Plan says how many requests are sent and when. With a Rate, requests are due at even intervals, whether those before
// have been answered or not; without one, each of Concurrency clients sends its next request once the last is answered.
type Plan struct {
	Rate        float64       // requests a second; 0: as fast as Concurrency clients can
	Concurrency int           // requests under way at a time, at most
	Count       int           // requests in all; 0: as many as Duration has room for
	Duration    time.Duration // how long new requests are sent; 0: until Count have been
}

// Sample is one request. Times count from the start of the run.
type Sample struct {
	Due       time.Duration // when it was to be sent; later, if there was no room for it, is its own fault
	Accepted  time.Duration // when the service had taken it on; 0 when it has not
	Completed time.Duration // when its work was done; 0 when that has not come to pass
	Err       error
}

// Do performs one request, the i-th. It calls accepted once the service has taken it on, and returns when its work is
// done.
type Do func(ctx context.Context, i int, accepted func()) error

// Run performs a plan and returns one sample per request, in the order in which they were due. When ctx is done, no
// further request is sent; those under way are cancelled by their own use of ctx.
//
// Latencies are free of coordinated omission (G. Tene, How NOT to measure latency, 2013): a request that has to wait
// because the service is slow to answer others counts from when it was due, not from when it could be sent.
func Run(ctx context.Context, plan Plan, do Do) []Sample {
	r := &run{plan: plan, do: do, start: time.Now(), slots: make(chan struct{}, plan.Concurrency)}
	for i := 0; plan.Count == 0 || i < plan.Count; i++ {
		due, ok := r.next(ctx, i)
		if !ok {
			break
		}
		r.send(ctx, i, due)
	}
	r.group.Wait()
	return r.samples()
}

// run is the state of Run.
type run struct {
	plan  Plan
	do    Do
	start time.Time
	slots chan struct{} // one taken per request under way
	group sync.WaitGroup
	sent  []*Sample
}

func (r *run) now() time.Duration { return time.Since(r.start) }

// next waits until request i is due and there is room for it. It returns false when there is no further request.
func (r *run) next(ctx context.Context, i int) (due time.Duration, ok bool) {
	if r.plan.Rate > 0 {
		due = time.Duration(float64(i) / r.plan.Rate * float64(time.Second))
		return due, !r.over(due) && r.wait(ctx, due) && r.take(ctx)
	}
	if !r.take(ctx) {
		return 0, false
	}
	due = r.now()
	return due, !r.over(due)
}

func (r *run) over(due time.Duration) bool { return r.plan.Duration > 0 && due >= r.plan.Duration }

// wait returns true at a time of the run, false when ctx is done before.
func (r *run) wait(ctx context.Context, at time.Duration) bool {
	timer := time.NewTimer(at - r.now())
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// take returns true when there is room for one more request, false when ctx is done before.
func (r *run) take(ctx context.Context) bool {
	select {
	case r.slots <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (r *run) send(ctx context.Context, i int, due time.Duration) {
	sample := &Sample{Due: due}
	r.sent = append(r.sent, sample)
	r.group.Go(func() {
		defer func() { <-r.slots }()
		err := r.do(ctx, i, func() { sample.Accepted = r.now() })
		if err == nil {
			sample.Completed = r.now()
		}
		sample.Err = err
	})
}

// samples returns what was measured, without the requests that ended only because the run was interrupted.
func (r *run) samples() []Sample {
	samples := make([]Sample, 0, len(r.sent))
	for _, s := range r.sent {
		if !errors.Is(s.Err, context.Canceled) {
			samples = append(samples, *s)
		}
	}
	return samples
}

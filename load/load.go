// Package load sends requests to a service as independent clients would, and measures the latency of each.
package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Plan sets how many requests are sent, and when. With a Rate, requests are due at even intervals, whether or not
// earlier ones have completed. Without one, each of Concurrency clients sends a request as soon as its previous one
// has completed.
type Plan struct {
	Rate        float64       // requests per second; 0: as fast as Concurrency clients can
	Concurrency int           // limit of requests in flight
	Count       int           // number of requests; 0: as many as fit into Duration
	Duration    time.Duration // time during which requests are due; 0: until Count are sent
}

// Sample is one request. Times count from the start of the run.
type Sample struct {
	Due       time.Duration // when it should have been sent, even if Concurrency delayed it
	Accepted  time.Duration // when the service had accepted it; 0 if it did not
	Completed time.Duration // when its work was completed; 0 if it was not
	Err       error
}

// Do performs request i, counted from 0. It calls accepted once the service has accepted the request, and returns nil
// when its work is completed.
type Do func(ctx context.Context, i int, accepted func()) error

// Run performs a plan and returns one sample per request, in the order in which they were due. Once ctx is done it
// sends no further request; requests in flight that return context.Canceled are left out of the samples.
//
// Latencies are free of coordinated omission (G. Tene, How NOT to measure latency, 2013): the latency of a request that
// is delayed because the service responds slowly to others counts from when it was due, not from when it was sent.
func Run(ctx context.Context, plan Plan, do Do) []Sample {
	r := &run{
		plan:  plan,
		do:    do,
		start: time.Now(),
		slots: make(chan struct{}, plan.Concurrency),
	}
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
	slots chan struct{} // holds one element per request in flight
	group sync.WaitGroup
	sent  []*Sample
}

func (r *run) now() time.Duration { return time.Since(r.start) }

// next waits until request i is due and a slot is free. It returns false when the plan is complete or ctx is done.
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

// over reports whether a request would be due after the end of the plan.
func (r *run) over(due time.Duration) bool { return r.plan.Duration > 0 && due >= r.plan.Duration }

// wait returns true at the given time of the run, or false as soon as ctx is done.
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

// take returns true once it has taken a slot, or false as soon as ctx is done.
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

// samples returns the samples without the requests that were cancelled because ctx was done.
func (r *run) samples() []Sample {
	samples := make([]Sample, 0, len(r.sent))
	for _, s := range r.sent {
		if !errors.Is(s.Err, context.Canceled) {
			samples = append(samples, *s)
		}
	}
	return samples
}

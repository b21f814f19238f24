package bench_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// submission is an accepted request.
type submission struct {
	id    string
	order int           // index
	at    time.Duration // when it was accepted, since the start of the run
}

// run is what clients measure.
type run struct {
	submitted []submission // in the order in which they were accepted
	latencies []time.Duration
	seconds   float64
	failed    int
	err       error // the first
}

// plan is what clients do, each on a connection of its own: one request after the other.
type plan struct {
	base     string
	clients  int
	requests [][]byte
	status   int           // that each response must have
	id       string        // member that each response must have
	count    int           // how many requests, in all
	within   time.Duration // when the last one is sent, at most
}

// drive puts a service under load.
func drive(p plan) run {
	var next atomic.Int64
	runs := make([]run, p.clients)
	connections := make([]*connection, p.clients)
	for i := range connections {
		c, err := dial(p.base)
		if err != nil {
			return run{err: err}
		}
		defer c.close()
		connections[i] = c
	}
	start := time.Now()
	var group sync.WaitGroup
	for i := range runs {
		group.Go(func() { runs[i] = p.client(connections[i], start, &next) })
	}
	group.Wait()
	all := run{seconds: time.Since(start).Seconds()}
	for _, r := range runs {
		all.submitted = append(all.submitted, r.submitted...)
		all.latencies = append(all.latencies, r.latencies...)
		all.failed += r.failed
		if all.err == nil {
			all.err = r.err
		}
	}
	slices.SortFunc(all.submitted, func(a, b submission) int { return int(a.at - b.at) })
	slices.Sort(all.latencies)
	return all
}

// client is one client. A connection that breaks ends it.
func (p plan) client(c *connection, start time.Time, next *atomic.Int64) (r run) {
	for {
		i := int(next.Add(1)) - 1
		sent := time.Since(start)
		if i >= p.count || sent >= p.within {
			return r
		}
		status, body, err := c.do(p.requests[i%len(p.requests)])
		received := time.Since(start)
		id := member(body, p.id)
		if err == nil && (status != p.status || p.id != "" && len(id) == 0) {
			err = fmt.Errorf("status %d, want %d: %.200q", status, p.status, body)
		}
		if err != nil {
			r.failed++
			r.err = err
			if status == 0 {
				return r
			}
			continue
		}
		r.latencies = append(r.latencies, received-sent)
		r.submitted = append(r.submitted, submission{
			id:    string(id),
			order: i % len(p.requests),
			at:    received,
		})
	}
}

// percentile returns a percentile of sorted latencies by nearest rank, in milliseconds.
func percentile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := max(1, (percent*len(sorted)+99)/100)
	return float64(sorted[rank-1]) / float64(time.Millisecond)
}

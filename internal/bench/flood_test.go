package bench_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// deluge is what a flood measures.
type deluge struct {
	latencies []time.Duration // of submissions, from when they were due
	probes    []time.Duration // of requests that read
	statuses  map[int]int
	late      time.Duration // the longest time by which a submission was sent too late
	seconds   float64
	err       error
}

// others returns how many responses are neither successes nor refusals.
func (d deluge) others() (n int) {
	for status, count := range d.statuses {
		if status != 200 && status != 202 && status != 429 && status != 503 {
			n += count
		}
	}
	return n
}

// floodClients is how many connections send submissions.
const floodClients = 64

// probeInterval is how often a small request is sent beside them.
const probeInterval = 20 * time.Millisecond

// flood is a service that is asked for too much.
type flood struct {
	s      *subject
	demand demand
	rate   float64 // requests a second
	within time.Duration
	start  time.Time
	next   atomic.Int64

	mu sync.Mutex
	deluge
}

// run submits so many requests a second, whether they are refused or not, and reads meanwhile.
func (f *flood) run(ctx context.Context) deluge {
	f.statuses = map[int]int{}
	f.start = time.Now()
	var group sync.WaitGroup
	for range floodClients {
		group.Go(func() { f.keep(f.submit(ctx), func() {}) })
	}
	group.Go(func() { f.keep(f.probe(ctx), func() {}) })
	group.Wait()
	f.seconds = time.Since(f.start).Seconds()
	return f.deluge
}

// keep keeps the first error, and what a function does.
func (f *flood) keep(err error, keep func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keep()
	if f.err == nil {
		f.err = err
	}
}

// submit is one client that submits.
func (f *flood) submit(ctx context.Context) error {
	c, err := dial(f.s.Base)
	if err != nil {
		return err
	}
	defer func() { c.close() }()
	r := request(f.s.Base, "POST", f.demand.path, "", f.demand.body)
	for ctx.Err() == nil {
		due := time.Duration(float64(f.next.Add(1)-1) / f.rate * float64(time.Second))
		if max(due, time.Since(f.start)) >= f.within { // clients that were late do not make up for it
			return nil
		}
		time.Sleep(due - time.Since(f.start)) // the rate is what is asked for
		late := time.Since(f.start) - due
		status, _, err := c.do(r)
		if err != nil { // the server has closed the connection
			c.close()
			if c, err = dial(f.s.Base); err != nil {
				return err
			}
			if status, _, err = c.do(r); err != nil {
				return err
			}
		}
		took := time.Since(f.start) - due
		f.keep(nil, func() {
			f.statuses[status]++
			f.latencies = append(f.latencies, took)
			f.late = max(f.late, late)
		})
	}
	return ctx.Err()
}

// probe sends small requests meanwhile.
func (f *flood) probe(ctx context.Context) error {
	c, err := dial(f.s.Base)
	if err != nil {
		return err
	}
	defer c.close()
	list := request(f.s.Base, "GET", "/v1/multiplications?limit=1", "", nil)
	for i := 0; ctx.Err() == nil && time.Duration(i)*probeInterval < f.within; i++ {
		time.Sleep(time.Duration(i)*probeInterval - time.Since(f.start)) // the rate is what is asked for
		sent := time.Now()
		status, _, err := c.do(list)
		took := time.Since(sent)
		if err != nil || status != 200 {
			return fmt.Errorf("a list got %d, %w", status, err)
		}
		f.keep(nil, func() { f.probes = append(f.probes, took) })
	}
	return ctx.Err()
}

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// overloadFactor is by how much more is asked for than the workers compute.
const overloadFactor = 10

// overloaded returns a row of a service that is asked for ten times as much as its workers compute. The capacity is what
// they compute while nothing is asked for, from a queue that was filled before.
func overloaded(kind func(size sizes) order10) func(*testing.T, *subject, sizes) (sample, error) {
	return func(t *testing.T, s *subject, size sizes) (sample, error) {
		ctx := t.Context()
		o := kind(size)
		strict := s.strictAPI(t)
		capacity, cores, err := s.capacity(t, o)
		if err != nil {
			return sample{}, err
		}
		before := s.own.finished(t)
		strict.Processes = s.Processes
		m := s.begin(ctx)
		d := strict.flood(ctx, o, overloadFactor*capacity/float64(o.each), size.flood)
		n := s.own.finished(t) - before
		result := m.end(ctx, int(n))
		goodput := float64(n) / d.seconds
		slices.Sort(d.probes)
		slices.Sort(d.latencies)
		result.PerSecond = goodput
		result.P50 = percentile(d.probes, 50)
		result.P99 = percentile(d.probes, 99)
		all := result.Cores["API"] + result.Cores["worker"] + result.Cores[partPostgres] + result.Cores[partGenerator]
		result.Values = map[string]float64{
			"capacity per second":        capacity,
			"goodput of the capacity":    goodput / capacity,
			"without the generator":      goodput / capacity * all / max(0.01, all-result.Cores[partGenerator]),
			"worker cores at capacity":   cores,
			"requests per second":        float64(len(d.latencies)) / d.seconds,
			"accepted requests":          float64(d.statuses[202] + d.statuses[200]),
			"refused with 429":           float64(d.statuses[429]),
			"refused with 503":           float64(d.statuses[503]),
			"other responses":            float64(d.others()),
			"p50 of a submission in ms":  percentile(d.latencies, 50),
			"p99 of a submission in ms":  percentile(d.latencies, 99),
			"late by at most in seconds": d.late.Seconds(),
		}
		if d.others() > 0 {
			d.err = errors.Join(d.err, fmt.Errorf("got the statuses %v, want 429 and 503 only beside what is accepted", d.statuses))
		}
		return result, errors.Join(d.err, s.drain(ctx, nil), s.emptied(ctx))
	}
}

// order10 is what is submitted: a request with so many multiplications.
type order10 struct {
	path string
	body []byte
	each int
	calm time.Duration                               // in which the capacity is measured
	fill func(ctx context.Context, s *subject) error // fills the queue for that
}

// tileOrder asks for one tile that takes some tenths of a second.
func tileOrder(size sizes) order10 {
	n := size.side
	matrix := fmt.Sprintf(`{"random": {"rows": %d, "cols": %d}}`, n, n)
	o := order10{
		path: "/v1/multiplications",
		body: fmt.Appendf(nil, `{"a": %s, "b": %s}`, matrix, matrix),
		each: 1,
		calm: 2 * size.calm,
	}
	o.fill = func(_ context.Context, s *subject) error {
		c, err := dial(s.Base)
		if err != nil {
			return err
		}
		defer c.close()
		for range size.aheadTiles {
			if status, body, err := c.do(request(s.Base, "POST", o.path, "", o.body)); err != nil || status != accepted {
				return fmt.Errorf("status %d, %w, %.200q", status, err, body)
			}
		}
		return nil
	}
	return o
}

// smallOrder asks for a thousand of 2×2: workers compute more than an API accepts one by one.
func smallOrder(size sizes) order10 {
	parts := make([]string, size.batch)
	for i := range parts {
		parts[i] = string(orders2[i%len(orders2)].body(`{"a":{"values":$A},"b":{"values":$B}}`))
	}
	return order10{
		path: "/v1/multiplications:batch",
		body: []byte("[" + strings.Join(parts, ",") + "]"),
		each: size.batch,
		calm: size.calm,
		fill: func(ctx context.Context, s *subject) error {
			_, err := s.own.fill(ctx, size.aheadSmall)
			return err
		},
	}
}

// strictAPI starts an API that refuses early, and returns what reaches it. Its processes count as API.
func (s *subject) strictAPI(t *testing.T) *subject {
	t.Helper()
	api := s.own.start(t, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--max-queued=5s", "--max-queued-small=5s")
	until(t, "the second API serves", func() bool { return strings.Contains(api.log.String(), "msg=serving") })
	strict := *s
	strict.Base = addressPattern.FindStringSubmatch(api.log.String())[1]
	s.Processes["API"] = append(s.Processes["API"], api.cmd.Process.Pid)
	return &strict
}

// capacity returns how many multiplications are completed per second from a full queue, without requests, and how many
// cores the worker uses for that.
func (s *subject) capacity(t *testing.T, o order10) (perSecond, cores float64, err error) {
	s.stopWorker()
	before := s.own.finished(t)
	if err := o.fill(t.Context(), s); err != nil {
		return 0, 0, fmt.Errorf("filling the queue: %w", err)
	}
	s.startWorker(t)
	until(t, "the worker computes", func() bool { return s.own.finished(t) > before })
	m := s.begin(t.Context())
	from := s.own.finished(t)
	time.Sleep(o.calm) //house:ignore sleep for so long is measured
	n := s.own.finished(t) - from
	result := m.end(t.Context(), int(n))
	if found, err := s.own.unfinished(t.Context()); !found || err != nil {
		return 0, 0, errors.Join(err, errors.New("the queue was empty before the capacity was measured"))
	}
	return result.PerSecond, result.Cores["worker"], nil
}

// emptied returns when nothing waits any more.
func (s *subject) emptied(ctx context.Context) error {
	for deadline := time.Now().Add(drainTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		if found, err := s.own.unfinished(ctx); !found || err != nil {
			return err
		}
	}
	return fmt.Errorf("not all are completed after %s", drainTimeout)
}

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

// flood submits so many requests a second, whether they are refused or not, and reads meanwhile.
func (s *subject) flood(ctx context.Context, o order10, rate float64, within time.Duration) deluge {
	d := deluge{statuses: map[int]int{}}
	var mu sync.Mutex
	note := func(err error, keep func()) {
		mu.Lock()
		defer mu.Unlock()
		if keep(); err != nil && d.err == nil {
			d.err = err
		}
	}
	start := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	r := request(s.Base, "POST", o.path, "", o.body)
	for range floodClients {
		group.Go(func() {
			c, err := dial(s.Base)
			note(err, func() {})
			for err == nil && ctx.Err() == nil {
				due := time.Duration(float64(next.Add(1)-1) / rate * float64(time.Second))
				if due >= within {
					break
				}
				time.Sleep(due - time.Since(start)) //house:ignore sleep the rate is what is asked for
				late := time.Since(start) - due
				var status int
				if status, _, err = c.do(r); err != nil { // the server has closed the connection
					c.close()
					if c, err = dial(s.Base); err == nil {
						status, _, err = c.do(r)
					}
				}
				took := time.Since(start) - due
				note(err, func() {
					d.statuses[status]++
					d.latencies = append(d.latencies, took)
					d.late = max(d.late, late)
				})
			}
			if c != nil {
				c.close()
			}
		})
	}
	group.Go(func() {
		c, err := dial(s.Base)
		list := request(s.Base, "GET", "/v1/multiplications?limit=1", "", nil)
		for i := 0; err == nil && ctx.Err() == nil && time.Duration(i)*probeInterval < within; i++ {
			due := time.Duration(i) * probeInterval
			time.Sleep(due - time.Since(start)) //house:ignore sleep the rate is what is asked for
			sent := time.Now()
			var status int
			status, _, err = c.do(list)
			took := time.Since(sent)
			note(err, func() {
				d.probes = append(d.probes, took)
				d.statuses[status]++
			})
			if status != 200 && err == nil {
				note(fmt.Errorf("a list got %d", status), func() {})
			}
			d.statuses[status]--
		}
		note(err, func() {})
	})
	group.Wait()
	d.seconds = time.Since(start).Seconds()
	return d
}

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// overloadFactor is by how much more is asked for than the workers compute.
const overloadFactor = 10

// overloaded returns a row of a service that is asked for ten times as much as its workers compute. The capacity is
// what they compute while nothing is asked for, from a queue that was filled before.
func overloaded(kind func(size sizes) demand) func(*testing.T, *subject, sizes) (sample, error) {
	return func(t *testing.T, s *subject, size sizes) (sample, error) {
		ctx := t.Context()
		o := kind(size)
		strict := s.strictAPI(t)
		capacity, cores, err := s.capacity(t, o)
		if err != nil {
			return sample{}, err
		}
		sustained, err := s.sustained(t, o)
		if err != nil {
			return sample{}, err
		}
		before := s.own.finished(t)
		strict.Processes = s.Processes
		m := s.begin(ctx)
		d := (&flood{
			s:      strict,
			demand: o,
			rate:   overloadFactor * capacity / float64(o.each),
			within: size.flood,
		}).run(ctx)
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
			"sustained per second":       sustained,
			"goodput of the capacity":    goodput / capacity,
			"goodput of the sustained":   goodput / sustained,
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
			err := fmt.Errorf("got the statuses %v, want 429 and 503 only beside what is accepted", d.statuses)
			d.err = errors.Join(d.err, err)
		}
		return result, errors.Join(d.err, s.drain(ctx, nil), s.emptied(ctx))
	}
}

// demand is what is submitted: a request with so many multiplications.
type demand struct {
	path string
	body []byte
	each int
	calm time.Duration                               // in which the capacity is measured
	fill func(ctx context.Context, s *subject) error // fills the queue for that
}

// tileOrder asks for one tile that takes some tenths of a second.
func tileOrder(size sizes) demand {
	n := size.side
	matrix := fmt.Sprintf(`{"random": {"rows": %d, "cols": %d}}`, n, n)
	o := demand{
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
func smallOrder(size sizes) demand {
	parts := make([]string, size.batch)
	for i := range parts {
		parts[i] = string(orders2[i%len(orders2)].body(`{"a":{"values":$A},"b":{"values":$B}}`))
	}
	return demand{
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
	api := s.own.start(t, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--max-queued=5s", "--max-queued-small=5s")
	until(t, "the second API serves", func() bool { return strings.Contains(api.log.String(), "msg=serving") })
	strict := *s
	strict.Base = addressPattern.FindStringSubmatch(api.log.String())[1]
	s.Processes["API"] = append(s.Processes["API"], api.cmd.Process.Pid)
	return &strict
}

// capacity returns how many multiplications are completed per second from a full queue, without requests, and how many
// cores the worker uses for that.
func (s *subject) capacity(t *testing.T, o demand) (perSecond, cores float64, err error) {
	s.stopWorker()
	before := s.own.finished(t)
	if err := o.fill(t.Context(), s); err != nil {
		return 0, 0, fmt.Errorf("filling the queue: %w", err)
	}
	s.startWorker(t)
	until(t, "the worker computes", func() bool { return s.own.finished(t) > before })
	m := s.begin(t.Context())
	from := s.own.finished(t)
	time.Sleep(o.calm) // for so long is measured
	n := s.own.finished(t) - from
	result := m.end(t.Context(), int(n))
	found, err := s.own.unfinished(t.Context())
	if !found && err == nil {
		t.Log("the queue was empty before the capacity was measured: it is more")
	}
	return max(minCapacity, result.PerSecond), result.Cores["worker"], err
}

// closedClients is how many clients of a closed loop there are: enough that the workers always have something to compute.
const closedClients = 8

// sustained returns how many multiplications are accepted and completed per second where each client waits for what it
// has submitted before it submits more: what the machine can do with requests, none of which is refused.
func (s *subject) sustained(t *testing.T, o demand) (float64, error) {
	if err := s.emptied(t.Context()); err != nil { // of what has filled the queue
		return 0, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), o.calm)
	defer cancel()
	before := s.own.finished(t)
	begin := time.Now()
	var group errgroup.Group
	for range closedClients {
		group.Go(func() error {
			c, err := dial(s.Base)
			if err != nil {
				return err
			}
			defer c.close()
			waits := request(s.Base, "POST", o.path, "wait=30", o.body)
			for ctx.Err() == nil {
				if status, body, err := c.do(waits); err != nil || status >= 300 {
					return fmt.Errorf("status %d, %w, %.200q", status, err, body)
				}
			}
			return nil
		})
	}
	err := group.Wait()
	n := s.own.finished(t) - before
	return max(minCapacity, float64(n)/time.Since(begin).Seconds()), err
}

// minCapacity is what is taken for the capacity if less is completed while it is measured.
const minCapacity = 1.0

// emptied returns when nothing waits any more.
func (s *subject) emptied(ctx context.Context) error {
	for deadline := time.Now().Add(drainTimeout); time.Now().Before(deadline); time.Sleep(pollInterval) {
		if found, err := s.own.unfinished(ctx); !found || err != nil {
			return err
		}
	}
	return fmt.Errorf("not all are completed after %s", drainTimeout)
}

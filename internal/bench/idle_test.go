package bench_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// idleWaiting sends one request at a time, whose response has the result. It asks a service that does not know such
// requests for the state, now and then.
func idleWaiting(t *testing.T, s *subject, size sizes) (sample, error) {
	prefer := ""
	if s.Wait {
		prefer = "wait=10"
	}
	result, err := s.oneByOne(t.Context(), size, prefer, func(c *connection, o order, status int, body []byte) error {
		if s.Wait {
			if status != 200 {
				return fmt.Errorf("status %d, want 200: %.200q", status, body)
			}
			return o.check(body)
		}
		return s.await(c, string(member(body, s.ID)))
	}, nil)
	if !s.Wait {
		result.Note = fmt.Sprintf("asked for its state every %s", pollInterval)
	}
	return result, err
}

// idlePosting sends one request at a time, after the multiplication of the one before was completed.
func idlePosting(t *testing.T, s *subject, size sizes) (sample, error) {
	check := func(_ *connection, _ order, status int, body []byte) error {
		if status != accepted || len(member(body, s.ID)) == 0 {
			return fmt.Errorf("status %d, want %d: %.200q", status, accepted, body)
		}
		return nil
	}
	return s.oneByOne(t.Context(), size, "", check, func(c *connection, body []byte) error {
		return s.await(c, string(member(body, s.ID)))
	})
}

// oneByOne sends one request at a time. The time of check counts, that of after does not.
func (s *subject) oneByOne(
	ctx context.Context, size sizes, prefer string,
	check func(c *connection, o order, status int, body []byte) error, after func(c *connection, body []byte) error,
) (sample, error) {
	c, err := dial(s.Base)
	if err != nil {
		return sample{}, err
	}
	defer c.close()
	requests := s.submissions(orders2, prefer)
	var latencies []time.Duration
	m := s.begin(ctx)
	for i := range size.idle {
		sent := time.Now()
		status, body, err := c.do(requests[i%len(requests)])
		if err == nil {
			body = slices.Clone(body)
			err = check(c, orders2[i%len(orders2)], status, body)
		}
		latencies = append(latencies, time.Since(sent))
		if err == nil && after != nil {
			err = after(c, body)
		}
		if err != nil {
			m.end(ctx, 0)
			return sample{}, err
		}
	}
	result := m.end(ctx, size.idle)
	slices.Sort(latencies)
	result.P50 = percentile(latencies, 50)
	result.P99 = percentile(latencies, 99)
	return result, nil
}

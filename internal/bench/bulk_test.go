package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// inBulk submits many in one request.
func inBulk(t *testing.T, s *subject, size sizes) (sample, error) {
	ctx := t.Context()
	if s.Batch == "" {
		return sample{Note: "has no such request"}, nil
	}
	c, err := dial(s.Base)
	if err != nil {
		return sample{}, err
	}
	defer c.close()
	parts := make([]string, size.bulk)
	for i := range parts {
		parts[i] = string(orders2[i%len(orders2)].body(s.Body))
	}
	body := []byte("[" + strings.Join(parts, ",") + "]")
	m := s.begin(ctx)
	status, response, err := c.do(request(s.Base, "POST", s.Batch, "", body))
	acceptedAfter := time.Since(m.began).Seconds()
	if status == 404 || status == 405 {
		m.end(ctx, 0)
		return sample{Note: fmt.Sprintf("skipped: the response is %d", status)}, nil
	}
	r := run{submitted: bulkIDs(response, s.ID)}
	if err == nil && (status < 200 || status > 299 || len(r.submitted) != size.bulk) {
		err = fmt.Errorf("status %d, %d ids of %d: %.300q", status, len(r.submitted), size.bulk, response)
	}
	if err == nil {
		err = s.drain(ctx, r.submitted)
	}
	result := m.end(ctx, size.bulk)
	if err != nil {
		return sample{}, err
	}
	result.Values = map[string]float64{"accepted per second": float64(size.bulk) / acceptedAfter}
	return result, s.finish(ctx, r, orders2)
}

// bulkIDs returns the ids of a response about many, in the order of the request: of the objects that have a state.
func bulkIDs(response []byte, name string) (all []submission) {
	for _, part := range strings.Split(string(response), `"`+name+`":"`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		all = append(all, submission{id: id, order: len(all) % len(orders2)})
	}
	return all
}

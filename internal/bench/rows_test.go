package bench_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// sizes says how much a round does.
type sizes struct {
	window  time.Duration // of a run of submissions
	chunk   int           // submissions until the last is completed
	idle    int           // submissions one at a time
	bulk    int           // in one request
	backlog int           // queued
	tiles   int           // for each number of slots
	slots   []int
	most    int // submissions in a window
	quiet   time.Duration
	sync    bool // the disk is to have written what was written before

	calm       time.Duration // in which the capacity is measured
	flood      time.Duration // in which ten times as much is asked for
	side       int           // of the matrices then
	batch      int           // small ones in a request then
	aheadTiles int           // submitted before
	aheadSmall int           // the same
}

var (
	whole = sizes{
		window:  4 * time.Second,
		chunk:   20_000,
		idle:    300,
		bulk:    10_000,
		backlog: 1_000_000,
		tiles:   2000,
		slots:   []int{1, 2, 4, 8, 16, 32, 64},
		most:    1_000_000,
		quiet:   4 * time.Second,
		sync:    true,

		calm:       10 * time.Second,
		flood:      time.Minute,
		side:       2000,
		batch:      1000,
		aheadTiles: 100,
		aheadSmall: 1_200_000,
	}
	short = sizes{
		window:  5 * time.Second,
		chunk:   60,
		idle:    5,
		bulk:    50,
		backlog: 2000,
		tiles:   10,
		slots:   []int{1, 4},
		most:    200,
		quiet:   500 * time.Millisecond,

		calm:       200 * time.Millisecond,
		flood:      300 * time.Millisecond,
		side:       500,
		batch:      100,
		aheadTiles: 20,
		aheadSmall: 5_000,
	}
)

// row is a row of the table.
type row struct {
	id    string // name for -rows
	title string
	goal  string
	once  bool // one round; it takes long
	own   bool // needs the database of the service
	ratio bool // the rate is not what it is about
	// values are those of its own figures that it is about.
	values []string
	run    func(t *testing.T, s *subject, size sizes) (sample, error)
}

var rows = []row{
	{
		id:    "submit-32",
		title: "submissions of 2×2 in JSON, 32 connections",
		goal:  "≥ 10,000/s, p99 < 15 ms",
		run:   submitting(32),
	},
	{
		id:    "submit-256",
		title: "the same, 256 connections",
		goal:  "not slower, p99 < 100 ms",
		run:   submitting(256),
	},
	{
		id:    "end-to-end",
		title: "20,000 of 2×2, first submission to last completion",
		goal:  "≥ 6,000/s",
		run:   toTheEnd,
	},
	{
		id:    "idle-wait",
		title: "2×2 one at a time, `Prefer: wait`, to the values",
		goal:  "p50 ≤ 3 ms, p99 ≤ 8 ms",
		run:   idleWaiting,
	},
	{
		id:    "idle-post",
		title: "2×2 one at a time, until it is accepted",
		goal:  "p50 ≤ 1.2 ms",
		run:   idlePosting,
	},
	{
		id:     "disk",
		title:  "disk for a completed 2×2",
		goal:   "≤ 600 bytes",
		once:   true,
		own:    true,
		ratio:  true,
		values: []string{"bytes each, all tables", "bytes each before autovacuum", "bytes each after autovacuum"},
		run:    disk,
	},
	{
		id:     "bulk",
		title:  "10,000 of 2×2 in one request",
		goal:   "≥ 50,000/s accepted, ≥ 20,000/s to the end",
		values: []string{"accepted per second"},
		run:    inBulk,
	},
	{
		id:    "json-64",
		title: "64×64 in JSON, 32 connections, to the end",
		run:   sixtyFour,
	},
	{
		id:    "tiles",
		title: "tiles that do nothing, by slots",
		goal:  "a curve",
		once:  true,
		own:   true,
		run:   tiles,
	},
	{
		id:    "queued",
		title: "1,000,000 queued, against an empty queue",
		goal:  "≥ 0.8",
		own:   true,
		ratio: true,
		values: []string{
			"submitted per second against empty", "submitted per CPU second against empty", "shown per second against empty",
			"shown per CPU second against empty", "computed per second against empty", "computed per CPU second against empty",
		},
		run: queued,
	},
	{
		id:     "overload-tiles",
		title:  "ten times as many tiles as the workers compute, for a minute; the latencies are those of small requests",
		goal:   "≥ 0.95 of the capacity, p99 < 50 ms",
		once:   true,
		own:    true,
		values: overloadValues,
		run:    overloaded(tileOrder),
	},
	{
		id:     "overload-small",
		title:  "the same with batches of 1,000 of 2×2",
		goal:   "≥ 0.95 of the capacity, p99 < 50 ms",
		once:   true,
		own:    true,
		values: overloadValues,
		run:    overloaded(smallOrder),
	},
}

// overloadValues are what the rows of an overload are about.
var overloadValues = []string{
	"goodput of the capacity", "goodput of the sustained", "without the generator", "requests per second", "other responses",
}

// accepted is the status of a submission.
const accepted = 202

// orders2 and orders64 are what is submitted, over and over.
var (
	orders2  = newOrders(64, 2, true)
	orders64 = newOrders(16, 64, false)
)

// submitting returns a row of submissions for a while.
func submitting(clients int) func(*testing.T, *subject, sizes) (sample, error) {
	return func(t *testing.T, s *subject, size sizes) (sample, error) {
		ctx := t.Context()
		m := s.begin(ctx)
		r := drive(plan{
			base:     s.Base,
			clients:  clients,
			requests: s.submissions(orders2, ""),
			status:   accepted,
			id:       s.ID,
			count:    size.most,
			within:   size.window,
		})
		result := m.end(ctx, len(r.submitted))
		result.PerSecond = float64(len(r.submitted)) / r.seconds
		result.P50 = percentile(r.latencies, 50)
		result.P99 = percentile(r.latencies, 99)
		return result, errors.Join(r.problem(), s.finish(ctx, r, orders2))
	}
}

// problem returns an error if requests have failed.
func (r run) problem() error {
	if r.err == nil {
		return nil
	}
	return fmt.Errorf("%d requests failed: %w", r.failed, r.err)
}

// finish waits until all are completed, and compares the results of some.
func (s *subject) finish(ctx context.Context, r run, orders []order) error {
	if err := s.drain(ctx, r.submitted); err != nil {
		return err
	}
	c, err := dial(s.Base)
	if err != nil {
		return err
	}
	defer c.close()
	for i := 0; i < len(r.submitted); i += max(1, len(r.submitted)/20) {
		if err := s.verify(c, r.submitted[i], orders); err != nil {
			return err
		}
	}
	return nil
}

// toEnd submits over 32 connections, and measures until all are completed.
func (s *subject) toEnd(ctx context.Context, p plan, orders []order) (sample, run, error) {
	p.base = s.Base
	p.clients = 32
	p.requests = s.submissions(orders, "")
	p.status = accepted
	p.id = s.ID
	m := s.begin(ctx)
	r := drive(p)
	err := s.drain(ctx, r.submitted)
	result := m.end(ctx, len(r.submitted))
	result.P50 = percentile(r.latencies, 50)
	result.P99 = percentile(r.latencies, 99)
	return result, r, errors.Join(r.problem(), err, s.finish(ctx, r, orders))
}

// forever is no bound of a run that has a number of requests.
const forever = time.Hour

func toTheEnd(t *testing.T, s *subject, size sizes) (sample, error) {
	began := time.Now()
	result, r, err := s.toEnd(t.Context(), plan{count: size.chunk, within: forever}, orders2)
	if err != nil || s.own == nil {
		return result, err
	}
	result.Course = map[string][][2]float64{}
	for i := 0; i < len(r.submitted); i += max(1, len(r.submitted)/100) {
		result.Course["submitted"] = append(result.Course["submitted"], [2]float64{r.submitted[i].at.Seconds(), float64(i)})
	}
	result.Course["completed"], err = s.own.completions(t.Context(), began)
	return result, err
}

func sixtyFour(t *testing.T, s *subject, size sizes) (sample, error) {
	result, _, err := s.toEnd(t.Context(), plan{count: size.most, within: size.window}, orders64)
	return result, err
}

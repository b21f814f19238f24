package jobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
)

// names are those of the metrics that a collector reports now.
func names(t *testing.T, c prometheus.Collector) map[string]bool {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range families {
		found[f.GetName()] = true
	}
	return found
}

// TestDatabaseAway: what was seen last stands for a while. Then there is no number at all, but when it was read is
// still told.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	var log bytes.Buffer
	c, err := NewClient(store.Open(pool, nil, time.Hour), nil, Config{Lead: true}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Queues(); ok || len(names(t, newQueueCollector(c))) > 0 {
		t.Error("it tells what it has not seen")
	}
	c.refreshQueues(t.Context())
	seen, ok := c.Queues()
	if !ok || log.Len() > 0 {
		t.Fatalf("%t, %s", ok, &log)
	}
	pool.Close()
	c.refreshQueues(t.Context())
	if again, ok := c.Queues(); !ok || again.At != seen.At || log.Len() == 0 {
		t.Errorf("%t, %+v, logged %q", ok, again, &log)
	}
	if found := names(t, newQueueCollector(c)); !found["river_queue_depth"] {
		t.Errorf("for a while it tells what it has seen: %v", found)
	}
	seen.At = seen.At.Add(-keepQueues)
	c.seen.Store(&seen)
	found := names(t, newQueueCollector(c))
	if len(found) != 1 || !found["millrace_queue_last_refresh_timestamp_seconds"] {
		t.Errorf("after a while it tells %v", found)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(rivertype.ErrJobCancelledRemotely)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	first, last := &rivertype.JobRow{Attempt: 1, MaxAttempts: 10}, &rivertype.JobRow{Attempt: 10, MaxAttempts: 10}
	for _, test := range []struct {
		ctx  context.Context //nolint:containedctx // an argument of the function
		job  *rivertype.JobRow
		err  error
		want string
	}{
		{t.Context(), last, nil, outcomeCompleted},
		{stopped, last, nil, outcomeCompleted},
		{t.Context(), first, errors.New("x"), outcomeRetried},
		{t.Context(), last, errors.New("x"), outcomeFailed},
		{t.Context(), first, errPermanent, outcomeFailed},
		{t.Context(), first, errPanicked, outcomeRetried},
		{t.Context(), first, river.JobCancel(ErrFinal), outcomeCancelled},
		{cancelled, first, context.Canceled, outcomeCancelled},
		{stopped, last, context.Canceled, outcomeInterrupted},
	} {
		if got := outcome(test.ctx, test.job, test.err); got != test.want {
			t.Errorf("%v of attempt %d: %s, want %s", test.err, test.job.Attempt, got, test.want)
		}
	}
}

// TestAPanicIsCounted: an attempt that does not return is one all the same, and its slot is free again.
func TestAPanicIsCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := newMetrics(Config{Work: true, Metrics: registry})
	func() {
		defer func() { _ = recover() }()
		job := &rivertype.JobRow{Kind: TileArgs{}.Kind(), Queue: QueueTiles, Attempt: 1, MaxAttempts: 10}
		_ = m.Work(t.Context(), job, func(context.Context) error { panic("x") })
	}()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	retried, busy := 0.0, 0.0
	for _, f := range families {
		for _, s := range f.GetMetric() {
			switch f.GetName() {
			case "millrace_tile_attempts_total":
				retried += s.GetCounter().GetValue()
			case "millrace_worker_slots_busy":
				busy += s.GetGauge().GetValue()
			}
		}
	}
	if retried != 1 || busy != 0 {
		t.Errorf("%v attempts, %v busy", retried, busy)
	}
}

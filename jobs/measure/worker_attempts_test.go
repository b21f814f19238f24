package measure

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue"
)

const tileKind = "tile"

var errPermanent = errors.New("permanent")

func TestOutcome(t *testing.T) {
	t.Parallel()
	a := &Attempts{Permanent: func(err error) bool { return errors.Is(err, errPermanent) }}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(rivertype.ErrJobCancelledRemotely)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	first := &rivertype.JobRow{Attempt: 1, MaxAttempts: 10}
	last := &rivertype.JobRow{Attempt: 10, MaxAttempts: 10}
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
		{t.Context(), first, river.JobCancel(errors.New("superseded")), outcomeCancelled},
		{cancelled, first, context.Canceled, outcomeCancelled},
		{stopped, last, context.Canceled, outcomeInterrupted},
	} {
		if got := a.outcome(test.ctx, test.job, test.err); got != test.want {
			t.Errorf("outcome(%v) of attempt %d = %s, want %s", test.err, test.job.Attempt, got, test.want)
		}
	}
}

// TestPanicIsCounted: an attempt that does not return is one all the same, and its slot is free again.
func TestPanicIsCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	a := &Attempts{
		Metrics:   New(queue.Config{Work: true, Metrics: registry}, nil),
		TileKind:  tileKind,
		Permanent: func(error) bool { return false },
	}
	func() {
		defer func() { _ = recover() }()
		job := &rivertype.JobRow{
			Kind:        tileKind,
			Queue:       queue.Tiles,
			Attempt:     1,
			MaxAttempts: 10,
		}
		_ = a.Work(t.Context(), job, func(context.Context) error { panic("x") })
	}()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var counted, busy float64
	for _, f := range families {
		for _, s := range f.GetMetric() {
			switch f.GetName() {
			case "millrace_tile_attempts_total":
				counted += s.GetCounter().GetValue()
			case "millrace_worker_slots_busy":
				busy += s.GetGauge().GetValue()
			}
		}
	}
	if counted != 1 || busy != 0 {
		t.Errorf("got %v attempts and %v busy slots, want 1 and 0", counted, busy)
	}
}

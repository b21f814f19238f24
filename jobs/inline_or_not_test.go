package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/webhooks"
)

// TestInlineOrNot: inline is what brings both operands, is small with its result, and asks for nothing that needs a row
// of its own.
func TestInlineOrNot(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	of := func(m, k, n int64) jobs.Submission {
		return jobs.Submission{
			A:        inlineOperand(m, k, 1),
			B:        inlineOperand(k, n, 1),
			Priority: jobs.DefaultPriority,
		}
	}
	with := func(change func(*jobs.Submission)) jobs.Submission {
		s := of(2, 2, 2)
		change(&s)
		return s
	}
	stored := func(o *jobs.Operand) { o.Stored = true }
	for name, test := range map[string]struct {
		submission jobs.Submission
		want       bool
		err        error
	}{
		"small":            {of(2, 2, 2), true, nil},
		"just small":       {of(2, 6143, 2), true, nil}, // with its result three times what is in a row
		"larger":           {of(2, 6144, 2), false, nil},
		"largest result":   {of(64, 1, 128), true, nil},
		"too large result": {of(64, 1, 129), false, nil},
		"a is stored":      {with(func(s *jobs.Submission) { stored(&s.A) }), false, nil},
		"b is stored":      {with(func(s *jobs.Submission) { stored(&s.B) }), false, nil},
		"a is random":      {with(func(s *jobs.Submission) { s.A = random(2, 2, 1) }), false, nil},
		"b is random":      {with(func(s *jobs.Submission) { s.B = random(2, 2, 1) }), false, nil},
		"a retention":      {with(func(s *jobs.Submission) { s.Retention = time.Hour }), false, nil},
		"an output":        {with(func(s *jobs.Submission) { s.Output = &objects.Output{} }), false, nil},
		"a webhook":        {with(func(s *jobs.Submission) { s.Webhook = "https://hooks.example.org" }), false, nil},
		"a limit":          {with(func(s *jobs.Submission) { s.MaxBytes = 32 }), true, nil},
		"a lower limit":    {with(func(s *jobs.Submission) { s.MaxBytes = 31 }), false, matrix.ErrTooLarge},
		"wrong shapes":     {with(func(s *jobs.Submission) { s.B = inlineOperand(3, 2, 1) }), false, matrix.ErrShape},
	} {
		_, m, got, err := c.Inline(identity.DefaultTenant, test.submission)
		if got != test.want || !errors.Is(err, test.err) ||
			got && (m.State != jobs.Pending || m.TilesTotal != 1 || m.JobsPage() != "") {
			t.Errorf("%s: Inline() = %+v, %t, %v, want %t, %v", name, m, got, err, test.want, test.err)
		}
	}
	order := webhooks.Order{URL: "https://hooks.example.org/all", Small: true}
	if _, _, err := webhooks.Create(t.Context(), b.own(), order); err != nil {
		t.Fatal(err)
	}
	if err := c.Webhooks().Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, got, err := c.Inline(identity.DefaultTenant, of(2, 2, 2)); got || err != nil {
		t.Errorf("while a webhook tells of all: Inline() = %t, %v, want false", got, err)
	}
	if _, _, got, err := c.Inline(identity.DefaultTenant+1, of(2, 2, 2)); !got || err != nil {
		t.Errorf("for another tenant: Inline() = %t, %v, want true", got, err)
	}
}

// TestInlineResult: the result of an inline multiplication is there when it is completed, and only its own.
func TestInlineResult(t *testing.T) {
	b := setup(t)
	c := b.start()
	id := b.accept(c, b.offer(c, 1, 2, 1, 3))[0]
	m := b.ends(id, jobs.Completed)
	if got := matrix.AsFloats[float64](m.InlineResult()); len(got) != 1 || got[0] != 3*3+4*4 {
		t.Errorf("InlineResult() = %v, want 25", got)
	}
	if got := b.ends(b.submit(c, 2, 2, 2), jobs.Completed).InlineResult(); got != nil {
		t.Errorf("InlineResult() of one that is not inline = %v, want nil", got)
	}
	waiting, err := b.client(queue.Config{}).Get(t.Context(), identity.DefaultTenant, store.NewID())
	if !errors.Is(err, store.ErrNotFound) || waiting.InlineResult() != nil {
		t.Errorf("Get() of an unknown one = %+v, %v, want %v", waiting, err, store.ErrNotFound)
	}
}

// TestInlineProgress: an inline multiplication has the attempts of its bundle while it waits, and one when it is
// completed, whose operations are counted.
func TestInlineProgress(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{
		Work:    true,
		Lead:    true,
		Metrics: registry,
	})
	id := b.accept(c, b.offer(c, 2, 2, 2, 1))[0]
	b.exec("UPDATE river_job SET state = 'running', attempt = 3, attempted_at = now()")
	got, err := c.Get(t.Context(), identity.DefaultTenant, id)
	if want := (queue.Progress{Attempts: 3, Running: 1}); err != nil || got.Progress != want {
		t.Errorf("Get() = %+v, %v, want %+v", got.Progress, err, want)
	}
	b.exec("UPDATE river_job SET state = 'available', attempt = 0")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m, want := b.ends(id, jobs.Completed), (queue.Progress{Attempts: 1}); m.Progress != want {
		t.Errorf("when it is completed: %+v, want %+v", m.Progress, want)
	}
	expect(t, series(t, registry), map[string]float64{`millrace_gemm_flops_total`: 2 * 2 * 2 * 2})
}

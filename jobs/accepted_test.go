package jobs_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/quota"
)

// TestTypesAreTold: operands have types of their own, at once and later, and attempts are told although the jobs are
// gone.
func TestTypesAreTold(t *testing.T) {
	b := setup(t)
	c := b.start()
	single := random(30, 20, 1)
	single.Matrix.DType = matrix.Float32
	for name, operands := range map[string][2]jobs.Operand{
		"a": {single, random(20, 30, 2)},
		"b": {random(20, 30, 3), single},
	} {
		operands[0].Matrix.ID, operands[1].Matrix.ID = store.NewID(), store.NewID()
		accepted := b.must(c, jobs.Submission{
			A:        operands[0],
			B:        operands[1],
			Priority: jobs.DefaultPriority,
		})
		read := b.ends(accepted.ID, jobs.Completed)
		b.untilJobsEnd(accepted.ID)
		b.wantCounts(tileJobs+" AND metadata ? 'counted'", 0) // it has ended with its only tile
		b.exec("DELETE FROM river_job WHERE kind = 'multiply_tile'")
		later := b.ends(accepted.ID, jobs.Completed)
		for _, m := range []jobs.Multiplication{accepted, read, later} {
			if m.A.Shape != operands[0].Matrix.Shape() || m.B.Shape != operands[1].Matrix.Shape() ||
				m.C.Shape.DType != matrix.Float64 {
				t.Errorf("%s is float32: %+v times %+v is %+v", name, m.A, m.B, m.C)
			}
		}
		if later.Progress.Attempts != 1 {
			t.Errorf("%s: %d attempts when its job is gone, want 1", name, later.Progress.Attempts)
		}
		c, content := b.result(later)
		if !bytes.Equal(c.Digest, npy.Digest(c.Shape(), content)) {
			t.Errorf("%s: the result has the digest %x, want that of its content", name, c.Digest)
		}
	}
}

// TestReuseIsCounted: a multiplication that has an earlier result is counted as one of these.
func TestReuseIsCounted(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{
		Work:    true,
		Lead:    true,
		Metrics: registry,
	})
	c.SetLimits(jobs.Limits{Reuse: true})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(b.must(c, four()).ID, jobs.Completed)
	b.must(c, four())
	c.Stop()
	expect(t, series(t, registry), map[string]float64{
		`millrace_multiplications_reused_total`:                   1,
		`millrace_multiplications_submitted_total{queue="tiles"}`: 2,
		`millrace_multiplications_total{outcome="completed"}`:     2,
		`millrace_multiplication_duration_seconds{queue="tiles"}`: 1,
	})
}

// TestOrdersBeyondQuota: an inline order for which its tenant has no room is refused alone, and leaves nothing; nor is
// anything else submitted, or retried.
func TestOrdersBeyondQuota(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	cancelled := b.submit(c, fourM, fourK, fourN)
	if err := b.cancel(c, cancelled); err != nil {
		t.Fatal(err)
	}
	c.SetLimits(jobs.Limits{Quotas: quota.Limits{QueuedSeconds: 1e-12}})
	c.Quotas().Keep(t.Context())
	var orders []jobs.Order
	for range 2 {
		o, err := c.NewBatch(identity.DefaultTenant, 1).NewOrder(jobs.Submission{
			A:        inlineOperand(2, 2, 1),
			B:        inlineOperand(2, 2, 1),
			Priority: jobs.DefaultPriority,
		})
		if err != nil {
			t.Fatal(err)
		}
		orders = append(orders, o)
	}
	for n, got := range b.submitOrders(c, orders) {
		if !errors.As(got.Err, new(*quota.Error)) || got.ID != uuid.Nil {
			t.Errorf("order %d: %+v, want a quota error", n, got)
		}
	}
	if _, err := b.trySubmit(c, four()); !errors.As(err, new(*quota.Error)) {
		t.Errorf("SubmitTx() = %v, want a quota error", err)
	}
	if err := b.retry(c, cancelled); !errors.As(err, new(*quota.Error)) {
		t.Errorf("RetryTx() = %v, want a quota error", err)
	}
	b.wantCounts(pendingRows, 0, ordinaryRows, 1, bundles, 0)
}

// TestOrdersAreComplete: what an order with tiles lacks is added to it; a result that is served with it counts.
func TestOrdersAreComplete(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	lacking := func(rows, cols int64) jobs.Operand {
		o := inlineOperand(rows, cols, 1)
		o.Matrix.ID, o.Matrix.Digest = uuid.Nil, nil
		return o
	}
	order := func(s jobs.Submission) jobs.Order {
		s.Priority = jobs.DefaultPriority
		s.Retention = time.Hour // so it is not inline
		o, err := c.NewBatch(identity.DefaultTenant, 1).NewOrder(s)
		if err != nil || o.Inline() {
			t.Fatalf("NewOrder() = %+v, %v, want one with tiles", o, err)
		}
		return o
	}
	all := b.submitOrders(c, []jobs.Order{
		order(jobs.Submission{A: lacking(2, 3), B: lacking(3, 2)}),
		order(jobs.Submission{A: random(64, 2, 1), B: random(2, 128, 2)}),
		order(jobs.Submission{A: random(64, 2, 3), B: random(2, 129, 4)}),
	})
	for n, want := range []int{8 * 2 * 2, 8 * 64 * 128, 0} {
		if all[n].Err != nil || all[n].Bytes != want {
			t.Errorf("order %d: %+v, want %d bytes", n, all[n], want)
		}
	}
	m, err := c.Get(t.Context(), identity.DefaultTenant, all[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.matrix(m.A.ID).Digest, inlineOperand(2, 3, 1).Matrix.Digest; !bytes.Equal(got, want) {
		t.Errorf("an operand has the digest %x, want %x", got, want)
	}
}

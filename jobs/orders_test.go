package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/retention"
)

// orders returns one order for each kind of submission: an inline one, one whose operands are random, one whose operands
// come with it and are not small, one that needs an operand that is gone, and another inline one.
func (b *testBundle) orders(c *jobs.Client) []jobs.Order {
	b.t.Helper()
	gone := random(2, 2, 1)
	gone.Matrix.ID = store.NewID()
	gone.Stored = true
	large := func(rows, cols int64) jobs.Operand {
		o := inlineOperand(rows, cols, 1)
		o.Matrix.ID, o.Matrix.Digest = uuid.Nil, nil
		return o
	}
	var orders []jobs.Order
	for n, operands := range [][2]jobs.Operand{
		{inlineOperand(2, 3, 1), inlineOperand(3, 2, 1)},
		{random(fourM, fourK, 1), random(fourK, fourN, 2)},
		{large(100, 90), large(90, 110)},
		{gone, inlineOperand(2, 2, 1)},
		{inlineOperand(2, 2, 1), inlineOperand(2, 2, 1)},
	} {
		o, err := c.NewBatch(identity.DefaultTenant, 5).NewOrder(jobs.Submission{
			A:        operands[0],
			B:        operands[1],
			Priority: jobs.DefaultPriority,
		})
		if err != nil {
			b.t.Fatal(err)
		}
		wantInline := n == 0 || n == 4
		wantBytes := []int{96, 0, 8 * 90 * (100 + 110), 32, 64}[n]
		if o.Inline() != wantInline || o.Bytes() != wantBytes {
			b.t.Errorf("order %d: inline %t with %d bytes, want %t and %d", n, o.Inline(), o.Bytes(), wantInline, wantBytes)
		}
		orders = append(orders, o)
	}
	return orders
}

// submitOrders calls SubmitAllTx in a transaction of its own.
func (b *testBundle) submitOrders(c *jobs.Client, orders []jobs.Order) (all []jobs.Accepted) {
	b.t.Helper()
	err := b.store.For(identity.DefaultTenant).InTx(b.t.Context(), func(tx *store.TenantTx) (err error) {
		all, err = c.SubmitAllTx(b.t.Context(), tx, orders)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// TestSubmitAll: of orders that come together each is accepted or refused by itself; one that is refused leaves nothing,
// and those that are accepted are counted, with what it takes to read them.
func TestSubmitAll(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{Metrics: registry})
	all := b.submitOrders(c, b.orders(c))
	for n, want := range []jobs.Accepted{
		{State: jobs.Pending, Bytes: 96 + 32},
		{State: jobs.Pending},
		{State: jobs.Pending, Bytes: 0},
		{Err: store.ErrNotFound},
		{State: jobs.Pending, Bytes: 64 + 32},
	} {
		got := all[n]
		if got.State != want.State || got.Bytes != want.Bytes || !errors.Is(got.Err, want.Err) || (got.ID == uuid.Nil) != (want.Err != nil) {
			t.Errorf("order %d: %+v, want %+v", n, got, want)
		}
	}
	b.wantCounts(pendingRows, 2, bundles, 1, ordinaryRows, 2, "SELECT count(*) FROM matrices", 6)
	expect(t, series(t, registry), map[string]float64{
		`millrace_multiplications_submitted_total{queue="small"}`: 3,
		`millrace_multiplications_submitted_total{queue="tiles"}`: 1,
	})
	if _, err := c.NewBatch(identity.DefaultTenant, 5).NewOrder(jobs.Submission{A: random(2, 3, 1), B: random(2, 3, 1)}); !errors.Is(err, matrix.ErrShape) {
		t.Errorf("NewOrder() of shapes that do not fit: %v, want %v", err, matrix.ErrShape)
	}
}

// TestSubmitAllBesideOlder: while a process runs that knows nothing of inline multiplications, orders are accepted as any
// others.
func TestSubmitAllBesideOlder(t *testing.T) {
	b := setup(t)
	registry := prometheus.NewRegistry()
	c := b.client(queue.Config{Metrics: registry})
	b.exec("INSERT INTO workers (id, schema_version) VALUES ('older', $1)", inline.Since-1)
	for n, got := range b.submitOrders(c, b.orders(c)) {
		if (got.Err != nil) != (n == 3) || got.Err == nil && got.State != jobs.Pending {
			t.Errorf("order %d: %+v, want it accepted unless its operand is gone", n, got)
		}
	}
	b.wantCounts(pendingRows, 0, bundles, 0, ordinaryRows, 4)
	expect(t, series(t, registry), map[string]float64{`millrace_multiplications_submitted_total{queue="small"}`: 3})
}

// TestOwnPriority: a priority that counts among the tenant's own multiplications is told, and is not that of the job.
func TestOwnPriority(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	for priority := jobs.MinPriority; priority <= jobs.MaxPriority; priority++ {
		s := jobs.Submission{
			A:        random(fourM, fourK, 1),
			B:        random(fourK, fourN, 2),
			Priority: priority,
			Own:      true,
		}
		large, err := b.trySubmit(c, s)
		if err != nil {
			t.Fatal(err)
		}
		s.A, s.B = inlineOperand(2, 2, 1), inlineOperand(2, 2, 1)
		small, _, ok, err := c.Inline(identity.DefaultTenant, s)
		if err != nil || !ok {
			t.Fatalf("Inline() = %t, %v, want an inline multiplication", ok, err)
		}
		b.accept(c, queue.Offer{Multiplication: small})
		for _, id := range []uuid.UUID{large.ID, small.ID} {
			if got, err := c.Get(t.Context(), identity.DefaultTenant, id); err != nil || got.Priority != priority {
				t.Errorf("the priority is told as %d, %v, want %d", got.Priority, err, priority)
			}
		}
		const others = "SELECT count(*) FROM river_job WHERE priority <> $1"
		if n := b.count(others, jobs.DefaultPriority); n != 0 {
			t.Errorf("%d jobs have another priority than the default, want none", n)
		}
	}
	b.wantCounts(tileJobs, 4*4, "SELECT count(*) FROM job_batches", 0)
}

// TestOwnPriorityOfMany: nor is it that of the jobs of many tiles, of which the multiplication knows the first and the
// last.
func TestOwnPriorityOfMany(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	c.SetLimits(limits)
	m, err := b.trySubmit(c, jobs.Submission{
		A:        random(1, 1, 1),
		B:        random(1, many*5_242_880, 2),
		Priority: jobs.MaxPriority,
		Own:      true,
	})
	if err != nil {
		t.Fatal(err)
	}
	const expected = "SELECT count(*) FROM river_job WHERE priority = $1 AND id BETWEEN $2 AND $3"
	n := b.count(expected, jobs.DefaultPriority, m.Jobs.First, m.Jobs.Last)
	if n != batch || m.Jobs.Last-m.Jobs.First != batch-1 {
		t.Errorf("%d jobs of %+v have the default priority, want %d", n, m.Jobs, batch)
	}
}

// TestOwnRetention: a submission with a retention of its own gives it to all that is new with it, and within bounds only.
func TestOwnRetention(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	c.SetLimits(jobs.Limits{MaxRetention: 5 * time.Hour})
	for d, want := range map[time.Duration]error{
		0:                       nil,
		time.Minute:             nil,
		5 * time.Hour:           nil,
		5*time.Hour + 1:         retention.ErrBounds,
		time.Second:             retention.ErrBounds,
		-time.Hour:              retention.ErrBounds,
		b.store.Retention + 1e9: nil,
	} {
		s := jobs.Submission{
			A:         random(2, 2, 1),
			B:         random(2, 2, 2),
			Retention: d,
		}
		if err := c.Admit(identity.DefaultTenant, s); !errors.Is(err, want) {
			t.Errorf("Admit() for %s = %v, want %v", d, err, want)
		}
	}
	c.SetLimits(jobs.Limits{})
	if err := c.CheckRetention(b.store.Retention); err != nil {
		t.Errorf("CheckRetention() of the usual retention = %v, want nil", err)
	}
	stored := b.upload(200, 200)
	m, err := b.trySubmit(c, jobs.Submission{
		A:         jobs.Operand{Matrix: stored, Stored: true},
		B:         random(200, 200, 2),
		Priority:  jobs.DefaultPriority,
		Retention: 3 * time.Hour,
	})
	if err != nil || m.Retention != 3*time.Hour || !m.ExpiresAt.Equal(m.CreatedAt.Add(3*time.Hour)) {
		t.Fatalf("SubmitTx() = %+v, %v, want a retention of three hours", m, err)
	}
	read, err := c.Get(t.Context(), identity.DefaultTenant, m.ID)
	if err != nil || read.Retention != m.Retention || !read.ExpiresAt.Equal(m.ExpiresAt) {
		t.Errorf("Get() = %+v, %v, want the same retention", read, err)
	}
	const kept = "SELECT count(*) FROM matrices WHERE id = $1 AND expires_at > now() + interval '2 hours 55 minutes'"
	for id, want := range map[uuid.UUID]int64{stored.ID: 0, m.B.ID: 1, m.C.ID: 1} {
		if n := b.count(kept, id); n != want {
			t.Errorf("matrix %s is kept for three hours: %d, want %d", id, n, want)
		}
	}
}

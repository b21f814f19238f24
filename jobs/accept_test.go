package jobs_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// TestInlineOnlyWhenSmall: what is not small, or is in the store, is submitted as any other multiplication.
func TestInlineOnlyWhenSmall(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	stored := jobs.Operand{Matrix: b.upload(2, 2), Stored: true}
	for name, s := range map[string]jobs.Submission{
		"random": {A: random(2, 2, 1), B: inlineOperand(2, 2, 1)},
		"stored": {A: inlineOperand(2, 2, 1), B: stored},
		"large":  {A: inlineOperand(90, 91, 1), B: inlineOperand(91, 92, 1)},
		"empty":  {A: inlineOperand(0, 2, 1), B: inlineOperand(2, 0, 1)},
	} {
		if _, _, ok, err := c.Inline(identity.DefaultTenant, s); ok || err != nil {
			t.Errorf("%s: Inline() = %v, %v, want false", name, ok, err)
		}
	}
	_, _, _, err := c.Inline(identity.DefaultTenant, jobs.Submission{A: inlineOperand(2, 2, 1), B: inlineOperand(3, 2, 1)})
	if !errors.Is(err, matrix.ErrShape) {
		t.Errorf("Inline() = %v, want %v", err, matrix.ErrShape)
	}
}

// TestAcceptHarmsNoNeighbour: what cannot be accepted fails alone.
func TestAcceptHarmsNoNeighbour(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	key := func(k string) *store.IdempotencyKey {
		return &store.IdempotencyKey{
			TenantID:    identity.DefaultTenant,
			Key:         k,
			Fingerprint: make([]byte, 32),
			Location:    "/",
			Body:        []byte("{}"),
		}
	}
	good, bad, used, again := b.offer(c, 1, 1, 1, 1), b.offer(c, 1, 1, 1, 2), b.offer(c, 1, 1, 1, 3), b.offer(c, 1, 1, 1, 4)
	good.Key = key("good")
	bad.Key = key("bad\xff") // no text of the database
	used.Key = key("used")
	again.Key = key("used")
	errs := c.Accept(t.Context(), good, bad, used, again)
	if errs[0] != nil || errs[1] == nil || errs[2] != nil || !errors.Is(errs[3], store.ErrKeyUsed) {
		t.Errorf("Accept() = %v, want errors for the second and the fourth", errs)
	}
	b.wantCounts(pendingRows, 2, "SELECT count(*) FROM idempotency_keys", 2)
}

// TestAcceptBesideHeldKey: another transaction that holds the key of one delays none of the others for long.
func TestAcceptBesideHeldKey(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	ctx := t.Context()
	tx, err := b.watch.Pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
		VALUES ('held', $1, 202, '', '', now() + interval '1 hour')`, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	held, other := b.offer(c, 1, 1, 1, 1), b.offer(c, 1, 1, 1, 2)
	for _, o := range []*queue.Offer{&held, &other} {
		o.Key = &store.IdempotencyKey{
			TenantID:    identity.DefaultTenant,
			Fingerprint: make([]byte, 32),
			Body:        []byte("{}"),
		}
	}
	held.Key.Key = "held"
	other.Key.Key = "other"
	ends := make(chan error)
	go func() { ends <- c.Accept(ctx, held, other)[0] }()
	b.untilCount(1, pendingRows) // the other one
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ends; err != nil {
		t.Errorf("Accept() = %v for the key that was given up, want nil", err)
	}
	b.wantCounts(pendingRows, 2)
}

// TestAcceptEnded: what was given up before its transaction began is not accepted.
func TestAcceptEnded(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Accept(ctx, b.offer(c, 1, 1, 1, 1))[0]; !errors.Is(err, context.Canceled) {
		t.Errorf("Accept() = %v, want %v", err, context.Canceled)
	}
	b.wantCounts(pendingRows, 0)
}

// TestOlderProcesses: while a process runs that knows nothing of inline multiplications, none is accepted.
func TestOlderProcesses(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	b.exec("INSERT INTO workers (id, schema_version) VALUES ('older', $1)", inline.Since-1)
	keyed := b.offer(c, 1, 1, 1, 1)
	keyed.Key = &store.IdempotencyKey{
		Key:         "key",
		Fingerprint: make([]byte, 32),
		Body:        []byte("{}"),
	}
	for _, o := range []queue.Offer{b.offer(c, 1, 1, 1, 1), keyed} {
		if err := c.Accept(t.Context(), o)[0]; !errors.Is(err, jobs.ErrNotInline) {
			t.Errorf("Accept() = %v, want %v", err, jobs.ErrNotInline)
		}
	}
	b.wantCounts(pendingRows, 0, bundles, 0, "SELECT count(*) FROM idempotency_keys", 0)
}

// TestBundlesAreBounded: a job computes multiplications of one priority, and not more than it should.
func TestBundlesAreBounded(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	var offers []queue.Offer
	for i := range 600 {
		o := b.offer(c, 1, 1, 1, float64(i))
		o.Priority = int16(1 + i%2)
		offers = append(offers, o)
	}
	for range 9 {
		offers = append(offers, b.offer(c, 1, 8192, 1, 1)) // 128 KiB each
	}
	b.accept(c, offers...)
	rows, err := b.watch.Pool.Query(t.Context(), `SELECT count(*), count(DISTINCT p.priority), sum(length(p.operands)), max(j.priority)
		FROM inline_pending p JOIN river_job j ON j.id = p.job GROUP BY p.job`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var jobsFound int
	for rows.Next() {
		var count, priorities, bytes int64
		var priority int
		if err := rows.Scan(&count, &priorities, &bytes, &priority); err != nil {
			t.Fatal(err)
		}
		if count > 256 || priorities != 1 || bytes > 5<<20 {
			t.Errorf("a job of %d multiplications, %d priorities and %d bytes, want less", count, priorities, bytes)
		}
		jobsFound++
	}
	if jobsFound < 4 {
		t.Errorf("got %d jobs, want at least 4", jobsFound)
	}
}

// TestInlineDepth: the depth of a queue counts multiplications, not jobs.
func TestInlineDepth(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true, Lease: time.Second})
	offers := make([]queue.Offer, 30)
	for i := range offers {
		offers[i] = b.offer(c, 1, 1, 1, 1)
	}
	b.accept(c, offers...)
	o, err := c.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(o.Queues, func(q queue.Counts) bool { return q.Queue == queue.Small })
	if got := o.Queues[i].Waiting; got != 30 || o.Active[identity.DefaultTenant].Pending != 30 {
		t.Errorf("%d wait and %d are pending, want 30", got, o.Active[identity.DefaultTenant].Pending)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	depths, ok := c.Queue().Depths()
	if !ok {
		t.Fatal("no depths, want those of the start")
	}
	for _, d := range depths.Queues {
		if d.Queue == queue.Small && (d.Depth != 30 || d.Work <= 0 || math.IsNaN(d.Work.Seconds())) {
			t.Errorf("got the depth %d and work of %s, want 30 and some", d.Depth, d.Work)
		}
	}
}

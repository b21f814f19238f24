package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
)

// TestStartFails: a client that cannot reach the database says so.
func TestStartFails(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Lead: true})
	b.store.Pool.Close()
	if err := c.Start(t.Context()); err == nil {
		t.Error("Start() without a database = nil, want an error")
	}
}

// TestStartKeeps: a client that leads knows quotas before the first request, notices new ones, and new webhooks, and
// rescues the bundles of workers whose sessions have ended long before their leases run out.
func TestStartKeeps(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Lead:  true,
		Lease: time.Hour,
		Grace: time.Nanosecond,
	})
	b.exec("UPDATE tenants SET max_requests = 5 WHERE id = $1", identity.DefaultTenant)
	b.accept(c, b.offer(c, 2, 2, 2, 1), b.offer(c, 2, 2, 2, 2))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.Quotas().Limits(identity.DefaultTenant).Requests; got != 5 {
		t.Errorf("at the start a tenant may send %v requests, want 5", got)
	}
	order := webhooks.Order{URL: "https://hooks.example.org/", Small: true}
	if _, _, err := webhooks.Create(t.Context(), b.own(), order); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE workers SET session_since = now() - interval '1 day'")
	b.exec(`INSERT INTO workers (id, renewed_at, expires_at, held_since, session_key, session_since)
		VALUES ('ended', now(), now() + interval '1 hour', now(), 1, now())`)
	b.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '1 minute',
		attempted_by = '{ended}' WHERE kind = 'multiply_inline'`)
	b.exec("UPDATE tenants SET max_requests = 7 WHERE id = $1", identity.DefaultTenant)
	b.untilCount(2, "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'available'")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(waitTimeout)
	for c.Quotas().Limits(identity.DefaultTenant).Requests != 7 || !c.Webhooks().TellsSmall(identity.DefaultTenant) {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the new quota of the tenant, or its webhook, is never known")
		}
	}
}

// sentTexts collects the statements that a pool sends, those of a batch in one text.
type sentTexts struct {
	mu  sync.Mutex
	all []string
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *sentTexts) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	s.add(fmt.Sprint(d.SQL, d.Args))
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (*sentTexts) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (s *sentTexts) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	var texts []string
	for _, q := range d.Batch.QueuedQueries {
		texts = append(texts, q.SQL)
	}
	s.add("a batch: " + strings.Join(texts, "; "))
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (*sentTexts) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (*sentTexts) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func (s *sentTexts) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, text)
}

// count returns how many of them contain a text.
func (s *sentTexts) count(text string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sent := range s.all {
		if strings.Contains(sent, text) {
			n++
		}
	}
	return n
}

// spied returns a client on the same database whose statements are collected.
func (b *testBundle) spied() (*jobs.Client, *store.Store, *sentTexts) {
	b.t.Helper()
	var sent sentTexts
	s := store.Open(testdb.Traced(b.t, b.store.Pool, &sent), b.store.Blocks, time.Hour)
	c, err := jobs.NewClient(s, nil, queue.Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Stop)
	return c, s, &sent
}

// TestStopTells: what has ended is told before Stop returns, also while the channel pauses.
func TestStopTells(t *testing.T) {
	b := setup(t)
	c, _, sent := b.spied()
	first, second := b.submit(c, 2, 2, 2), b.submit(c, 2, 2, 2)
	if err := b.cancel(c, first); err != nil {
		t.Fatal(err)
	}
	limit := time.After(waitTimeout)
	for sent.count(first.String()) == 0 { // in the notification: the rest is sent by others
		select {
		case <-time.After(time.Millisecond):
		case <-limit:
			t.Fatal("the first cancellation is never told")
		}
	}
	if err := b.cancel(c, second); err != nil {
		t.Fatal(err)
	}
	c.Stop()
	if sent.count(second.String()) == 0 {
		t.Error("Stop() returns before the second cancellation is told")
	}
}

// TestWhatIsNotSent: plans of what reads multiplications do not depend on parameters, and nothing is expanded where
// nothing is inline.
func TestWhatIsNotSent(t *testing.T) {
	b := setup(t)
	c, s, sent := b.spied()
	unknown := store.NewID() // which may be that of an inline one
	if _, err := c.Get(t.Context(), identity.DefaultTenant, unknown); err == nil {
		t.Error("Get() of an unknown one = nil, want an error")
	}
	const generic = "a batch: SELECT set_config('plan_cache_mode', 'force_generic_plan', true); "
	if all, with := sent.count("a batch: "), sent.count(generic); all != 2 || with != all {
		t.Errorf("%d of %d batches have generic plans, want two of two", with, all)
	}
	err := s.For(identity.DefaultTenant).InTx(t.Context(), func(tx *store.TenantTx) error {
		return c.CancelTx(t.Context(), tx, unknown)
	})
	if !errors.Is(err, store.ErrNotFound) || sent.count("name: LockOwnInline") == 0 {
		t.Errorf("CancelTx() of an unknown one = %v, want %v after a look for it", err, store.ErrNotFound)
	}
	if n := sent.count("ExpandInline"); n != 0 {
		t.Errorf("%d expansions of nothing, want none", n)
	}
}

// heldEnds holds up what follows a statement that has failed.
type heldEnds struct {
	failed, release chan struct{}
}

// TraceQueryStart implements pgx.QueryTracer.
func (*heldEnds) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (h *heldEnds) TraceQueryEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	if d.Err != nil {
		h.failed <- struct{}{}
		<-h.release
	}
}

// TestStopWaits: what runs in the background has ended when Stop returns.
func TestStopWaits(t *testing.T) {
	b := setup(t)
	held := &heldEnds{failed: make(chan struct{}, 10), release: make(chan struct{})}
	c := b.clientOn(store.Open(testdb.Traced(t, b.store.Pool, held), b.store.Blocks, time.Hour), queue.Config{Lead: true})
	tx, err := b.watch.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE webhooks IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'webhooks'::regclass")
	stopped := stop(c)
	<-held.failed
	select {
	case <-stopped:
		t.Error("Stop() returns while a statement ends")
	case <-time.After(200 * time.Millisecond): // there is no signal that it does not return
	}
	close(held.release)
	<-stopped
}

package handlers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/watch"
)

// viewsBundle is an API whose round trips to the database are counted.
type viewsBundle struct {
	api   *API
	pool  *pgxpool.Pool // whose queries are not counted
	trips *roundTrips
}

func setupViews(t *testing.T) *viewsBundle {
	t.Helper()
	b := &viewsBundle{pool: testdb.New(t), trips: &roundTrips{}}
	config := b.pool.Config()
	config.ConnConfig.Tracer = b.trips
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	client, err := jobs.NewClient(s, nil, queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Stop)
	hub := watch.NewHub(s, log)
	b.api = &API{store: s, jobs: client, hub: hub, log: log}
	b.api.views.api = b.api
	hub.Start(t.Context())
	t.Cleanup(hub.Stop)
	return b
}

// complete completes each multiplication, with the result 0, as a worker would that sends no notification.
func (b *viewsBundle) complete(t *testing.T) {
	t.Helper()
	for _, sql := range []string{
		"UPDATE multiplications SET state = 'completed', tiles_completed = tiles_total, started_at = now(), finished_at = now()",
		`UPDATE matrices SET state = 'ready', content = '\x0000000000000000' FROM multiplications WHERE c = matrices.id`,
	} {
		if _, err := b.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// roundTrips counts what a pool sends, and can hold it up.
type roundTrips struct {
	count atomic.Int64
	gate  atomic.Pointer[gate]
}

// gate holds up round trips.
type gate struct {
	reached chan struct{} // closed when the first round trip is held up
	once    sync.Once
	open    chan struct{}
}

// hold holds up round trips until release.
func (r *roundTrips) hold() *gate {
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	r.gate.Store(g)
	return g
}

func (r *roundTrips) release(g *gate) {
	r.gate.Store(nil)
	close(g.open)
}

func (r *roundTrips) start() {
	r.count.Add(1)
	if g := r.gate.Load(); g != nil {
		g.once.Do(func() { close(g.reached) })
		<-g.open
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *roundTrips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	r.start()
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *roundTrips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (r *roundTrips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	r.start()
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *roundTrips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (r *roundTrips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// joinedContext tells when a call waits for it to be done: views.get does so once its multiplication is in the next read.
type joinedContext struct {
	context.Context
	joined *sync.WaitGroup
	once   *sync.Once
}

// Done implements context.Context.
func (c joinedContext) Done() <-chan struct{} {
	c.once.Do(c.joined.Done)
	return c.Context.Done()
}

// result is what views.get or API.wait returned.
type result struct {
	view
	err error
}

// get calls views.get for each id in the background and returns once each call waits for a read.
func (b *viewsBundle) get(ctx context.Context, ids ...uuid.UUID) chan result {
	results := make(chan result, len(ids))
	var joined sync.WaitGroup
	for _, id := range ids {
		joined.Add(1)
		go func() {
			v, err := b.api.views.get(joinedContext{Context: ctx, joined: &joined, once: &sync.Once{}}, id)
			results <- result{v, err}
		}()
	}
	joined.Wait()
	return results
}

// idle waits until no goroutine reads views.
func (b *viewsBundle) idle(t *testing.T) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b.api.views.mu.Lock()
		reading := b.api.views.reading
		b.api.views.mu.Unlock()
		if !reading {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("views are still being read")
		}
	}
}

const waiters = 1000

// repeated returns an id once for each waiter.
func repeated(id uuid.UUID) []uuid.UUID {
	ids := make([]uuid.UUID, waiters)
	for i := range ids {
		ids[i] = id
	}
	return ids
}

// TestViewsAreShared: calls that come during a read share the next one, and those for one multiplication share its view.
func TestViewsAreShared(t *testing.T) {
	t.Parallel()
	b := setupViews(t)
	ids := submitPending(t, b.api, waiters)
	b.complete(t)
	for _, c := range []struct {
		name  string
		ids   []uuid.UUID
		views int
	}{
		{"one multiplication", repeated(ids[0]), 1},
		{"many multiplications", ids, waiters},
	} {
		before := b.trips.count.Load()
		g := b.trips.hold()
		first := b.get(t.Context(), ids[0])
		<-g.reached
		others := b.get(t.Context(), c.ids...)
		b.trips.release(g)
		if r := <-first; r.err != nil {
			t.Fatal(r.err)
		}
		views := map[*resource.Result]bool{}
		for range c.ids {
			r := <-others
			if r.err != nil || !r.final || string(r.body.Result.Values) != "[[0]]" {
				t.Fatalf("get() = %+v, %v, want the result [[0]]", r.body, r.err)
			}
			views[r.body.Result] = true
		}
		if len(views) != c.views {
			t.Errorf("%s: %d views, want %d", c.name, len(views), c.views)
		}
		// Two reads, each of the rows and of the contents.
		if got := b.trips.count.Load() - before; got != 4 {
			t.Errorf("%s: %d round trips for %d calls, want 4", c.name, got, waiters)
		}
		b.idle(t)
	}
}

// TestViewsOfDeleted: a multiplication without a row is not found, and does not disturb others of the same read.
func TestViewsOfDeleted(t *testing.T) {
	t.Parallel()
	b := setupViews(t)
	ids := submitPending(t, b.api, 2)
	if _, err := b.pool.Exec(t.Context(), "DELETE FROM multiplications WHERE id = $1", ids[0]); err != nil {
		t.Fatal(err)
	}
	g := b.trips.hold()
	first := b.get(t.Context(), ids[1])
	<-g.reached
	deleted := b.get(t.Context(), ids[0])
	present := b.get(t.Context(), ids[1])
	b.trips.release(g)
	if r := <-deleted; !errors.Is(r.err, store.ErrNotFound) {
		t.Errorf("get() of a deleted one: error %v, want %v", r.err, store.ErrNotFound)
	}
	for _, results := range []chan result{first, present} {
		if r := <-results; r.err != nil || r.body.State != string(jobs.Pending) || r.final {
			t.Errorf("get() = %+v, %v, want it pending", r.body, r.err)
		}
	}
	b.idle(t)
}

// TestViewsFailing: each call gets the error of its read, and the next read is another one.
func TestViewsFailing(t *testing.T) {
	t.Parallel()
	b := setupViews(t)
	id := submitPending(t, b.api, 1)[0]
	rename := func(from, to string) {
		t.Helper()
		if _, err := b.pool.Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("multiplications", "hidden")
	results := b.get(t.Context(), repeated(id)...)
	for range waiters {
		if r := <-results; r.err == nil {
			t.Fatalf("get() = %+v without a table, want an error", r.body)
		}
	}
	rename("hidden", "multiplications")
	if r := <-b.get(t.Context(), id); r.err != nil || r.body.ID != id.String() {
		t.Errorf("get() = %+v, %v, want multiplication %s", r.body, r.err, id)
	}
	b.idle(t)
}

// TestViewsContext: a call ends with its context; the read that it has begun goes on for others.
func TestViewsContext(t *testing.T) {
	t.Parallel()
	b := setupViews(t)
	ids := submitPending(t, b.api, 2)
	ctx, cancel := context.WithCancel(t.Context())
	g := b.trips.hold()
	cancelled := []chan result{b.get(ctx, ids[0])} // begins the read
	<-g.reached
	cancelled = append(cancelled, b.get(ctx, ids[0]))
	other := b.get(t.Context(), ids[1])
	cancel()
	for _, results := range cancelled {
		if r := <-results; !errors.Is(r.err, context.Canceled) {
			t.Errorf("get() of a cancelled context: error %v, want %v", r.err, context.Canceled)
		}
	}
	b.trips.release(g)
	if r := <-other; r.err != nil || r.body.ID != ids[1].String() {
		t.Errorf("get() = %+v, %v, want multiplication %s", r.body, r.err, ids[1])
	}
	b.idle(t)
}

// wait calls API.wait for each id in the background.
func (b *viewsBundle) wait(t *testing.T, limit time.Duration, ids []uuid.UUID) chan result {
	t.Helper()
	results := make(chan result, len(ids))
	for _, id := range ids {
		go func() {
			v, err := b.api.wait(t.Context(), id, Waiting{limit: limit})
			results <- result{v, err}
		}()
	}
	return results
}

// TestWaitCost: many waiters cost a few round trips, however many they are.
func TestWaitCost(t *testing.T) {
	t.Parallel()
	b := setupViews(t)
	ids := submitPending(t, b.api, waiters)
	const few = 100 // two polls for each second that this takes on a slow machine
	for _, c := range []struct {
		name    string
		limit   time.Duration
		ids     []uuid.UUID
		watched int
	}{
		{"one multiplication", time.Hour, repeated(ids[0]), 1},
		{"many multiplications", time.Hour, ids, waiters},
		{"a limit that is over", time.Millisecond, repeated(ids[0]), 0},
	} {
		if _, err := b.pool.Exec(t.Context(), "UPDATE multiplications SET state = 'pending', finished_at = NULL"); err != nil {
			t.Fatal(err)
		}
		before := b.trips.count.Load()
		results := b.wait(t, c.limit, c.ids)
		want := jobs.Pending
		if c.watched > 0 {
			want = jobs.Cancelled
			for b.api.hub.Watched() < c.watched {
				time.Sleep(time.Millisecond) // between two looks
			}
			sql := "UPDATE multiplications SET state = 'cancelled', finished_at = now()"
			if _, err := b.pool.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		for range c.ids {
			if r := <-results; r.err != nil || r.body.State != string(want) {
				t.Fatalf("%s: wait() = %+v, %v, want it %s", c.name, r.body, r.err, want)
			}
		}
		if n := b.trips.count.Load() - before; n > few {
			t.Errorf("%s: %d round trips for %d waiters, want at most %d", c.name, n, waiters, few)
		}
		b.idle(t)
	}
}

package handlers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
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
	pool := testdb.Traced(t, b.pool, b.trips)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	client, err := jobs.NewClient(s, nil, queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Stop)
	hub := watch.NewHub(s, log)
	b.api = &API{
		store: s,
		jobs:  client,
		hub:   hub,
		log:   log,
	}
	b.api.views.api = b.api
	hub.Start(t.Context())
	t.Cleanup(hub.Stop)
	return b
}

// complete completes each multiplication, with the result 0, as a worker would that sends no notification.
func (b *viewsBundle) complete(t *testing.T) {
	t.Helper()
	b.exec(t, `UPDATE multiplications
		SET state = 'completed', tiles_completed = tiles_total, started_at = now(), finished_at = now()`)
	b.exec(t, `UPDATE matrices SET state = 'ready', content = '\x0000000000000000'
		FROM multiplications WHERE c = matrices.id`)
}

// exec executes a statement, which is not counted.
func (b *viewsBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := b.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// joinedContext tells when a call waits for it to be done: views.get does so once its multiplication is in the next
// read.
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
	ctx = identity.With(ctx, identity.Local())
	for _, id := range ids {
		joined.Add(1)
		go func() {
			v, err := b.api.views.get(joinedContext{
				Context: ctx,
				joined:  &joined,
				once:    &sync.Once{},
			}, owned(ctx, id))
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

// TestViewsAreShared: calls that come during a read share the next one, and those for one multiplication share its
// view.
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
	b.exec(t, "DELETE FROM multiplications WHERE id = $1", ids[0])
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
	b.exec(t, "ALTER TABLE multiplications RENAME TO hidden")
	results := b.get(t.Context(), repeated(id)...)
	for range waiters {
		if r := <-results; r.err == nil {
			t.Fatalf("get() = %+v without a table, want an error", r.body)
		}
	}
	b.exec(t, "ALTER TABLE hidden RENAME TO multiplications")
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

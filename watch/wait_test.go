package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

const long = time.Hour // tests wait for what happens, never for this

// want checks that a wait ended with a state.
func (r result) want(t *testing.T, state store.State) {
	t.Helper()
	if r.err != nil || r.Multiplication.State != state {
		t.Fatalf("got %+v, %v, want %s", r.Outcome, r.err, state)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("completed", func(t *testing.T) {
		id := b.submit(1)
		results := b.await(long, 1, id)
		b.waiting(id, 1)
		b.work(id, true)
		r := <-results
		r.want(t, store.Completed)
		if len(r.Content) != 8 {
			t.Errorf("content %v", r.Content)
		}
	})
	t.Run("completed before", func(t *testing.T) {
		id := b.submit(1)
		b.work(id, true)
		r := <-b.await(long, 1, id)
		r.want(t, store.Completed)
	})
	t.Run("tile by tile", func(t *testing.T) {
		id := b.submit(3)
		results := b.await(long, 1, id)
		b.waiting(id, 1)
		for range 3 {
			b.work(id, true)
		}
		r := <-results
		r.want(t, store.Completed)
		if r.Multiplication.TilesCompleted != 3 {
			t.Errorf("%d tiles", r.Multiplication.TilesCompleted)
		}
	})
	t.Run("cancelled, and again after it was taken up", func(t *testing.T) {
		id := b.submit(2)
		first := b.await(long, 1, id)
		b.waiting(id, 1)
		b.end(id, store.Cancelled)
		r := <-first
		r.want(t, store.Cancelled)
		b.reopen(id)
		second := b.await(long, 1, id) // it must not be answered with what was known before
		b.waiting(id, 1)
		b.end(id, store.Failed)
		r = <-second
		r.want(t, store.Failed)
	})
	t.Run("time is over", func(t *testing.T) {
		r := <-b.await(time.Millisecond, 1, b.submit(1))
		r.want(t, store.Pending)
	})
	t.Run("nobody says so", func(t *testing.T) {
		id := b.submit(1)
		results := b.await(long, 1, id)
		b.waiting(id, 1)
		b.work(id, false)
		r := <-results
		r.want(t, store.Completed)
	})
	t.Run("deleted meanwhile", func(t *testing.T) {
		id := b.submit(1)
		b.end(id, store.Cancelled)
		b.reopen(id)
		results := b.await(long, 1, id)
		b.waiting(id, 1)
		if _, err := b.store.DeleteMultiplication(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		b.changes.Ended(id)
		if r := <-results; !errors.Is(r.err, store.ErrNotFound) {
			t.Errorf("got %+v, %v", r.Outcome, r.err)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		if r := <-b.await(long, 1, uuid.New()); !errors.Is(r.err, store.ErrNotFound) {
			t.Errorf("got %+v, %v", r.Outcome, r.err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		id := b.submit(1)
		ended := make(chan error)
		go func() {
			_, err := b.hub.Await(ctx, id, long)
			ended <- err
		}()
		b.waiting(id, 1)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	if n := b.hub.Followed(); n != 0 {
		t.Errorf("%d products are still followed", n)
	}
}

// Many who wait cost a few queries, however many they are, and nobody costs one after the other.
func TestAwaitCost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const clients = 1000
	const few = 100 // a poll in every second that this takes on a slow machine
	t.Run("for one product", func(t *testing.T) {
		id := b.submit(2)
		before := b.queries.Load()
		results := b.await(long, clients, id)
		b.waiting(id, clients)
		b.work(id, true)
		b.work(id, true)
		outcomes := map[*Outcome]bool{}
		for range clients {
			r := <-results
			r.want(t, store.Completed)
			outcomes[r.Outcome] = true
		}
		if n := b.queries.Load() - before; n > few || len(outcomes) > few {
			t.Errorf("%d queries and %d outcomes for %d clients", n, len(outcomes), clients)
		}
	})
	t.Run("for as many products", func(t *testing.T) {
		ids := make([]uuid.UUID, clients)
		for i := range ids {
			ids[i] = b.submit(1)
		}
		before := b.queries.Load()
		results := b.await(long, 1, ids...)
		eventually(t, "all are followed", func() bool { return b.hub.Followed() == clients })
		if _, err := b.store.Pool.Exec(t.Context(),
			"UPDATE multiplications SET state = 'cancelled', finished_at = now() WHERE state = 'pending'"); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			b.changes.Ended(id)
		}
		for range clients {
			r := <-results
			r.want(t, store.Cancelled)
		}
		if n := b.queries.Load() - before; n > few {
			t.Errorf("%d queries for %d clients", n, clients)
		}
	})
	t.Run("whose time is over", func(t *testing.T) {
		id := b.submit(1)
		before := b.queries.Load()
		results := b.await(time.Millisecond, clients, id)
		for range clients {
			r := <-results
			r.want(t, store.Pending)
		}
		if n := b.queries.Load() - before; n > clients/2 {
			t.Errorf("%d queries for %d clients", n, clients)
		}
	})
	t.Run("for nothing", func(t *testing.T) {
		eventually(t, "nobody waits", func() bool { return b.hub.Followed() == 0 })
		before := b.queries.Load()
		for range 3 { // the loop has come round, and read nothing
			signal(b.hub.wake)
			eventually(t, "it is awake", func() bool { return len(b.hub.wake) == 0 })
		}
		if n := b.queries.Load() - before; n > 0 {
			t.Errorf("%d queries", n)
		}
	})
}

// A wait outlives the connections of the hub.
func TestAwaitDroppedConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, who := range []string{"= 'millrace listener'", "IS NOT NULL AND pid <> pg_backend_pid()"} {
		id := b.submit(1)
		results := b.await(long, 1, id)
		b.waiting(id, 1)
		eventually(t, "it listens", func() bool { return b.listening() == 1 })
		tag, err := b.store.Pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name `+who)
		if err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("ended %d connections, %v", tag.RowsAffected(), err)
		}
		b.workAfterDrop(id)
		r := <-results
		r.want(t, store.Completed)
		eventually(t, "it listens again", func() bool { return b.listening() == 1 })
	}
}

// workAfterDrop completes a product of one tile on a pool whose connections may be broken.
func (b *testBundle) workAfterDrop(id uuid.UUID) {
	b.t.Helper()
	eventually(b.t, "the pool has a connection", func() bool { return b.store.Pool.Ping(b.t.Context()) == nil })
	b.work(id, true)
}

// listening counts the connections that listen.
func (b *testBundle) listening() (n int) {
	err := b.store.Pool.QueryRow(b.t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'millrace listener' AND query LIKE 'LISTEN%'`).Scan(&n)
	if err != nil {
		return -1 // a connection that has just been dropped
	}
	return n
}

// While the database does not answer those who wait go on, and those whose time is over hear of it.
func TestAwaitWithoutDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)
	patient := b.await(long, 1, id)
	b.waiting(id, 1)
	if _, err := b.store.Pool.Exec(t.Context(), "ALTER TABLE multiplications RENAME TO hidden"); err != nil {
		t.Fatal(err)
	}
	if r := <-b.await(time.Millisecond, 1, id); r.err == nil {
		t.Error("it has an answer from nowhere")
	}
	if _, err := b.store.Pool.Exec(t.Context(), "ALTER TABLE hidden RENAME TO multiplications"); err != nil {
		t.Fatal(err)
	}
	b.work(id, true)
	r := <-patient
	r.want(t, store.Completed)
}

func TestStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)
	results := b.await(long, 50, id)
	b.waiting(id, 50)
	for range 2 {
		b.hub.Stop()
	}
	for range 50 {
		r := <-results
		r.want(t, store.Pending) // the present state
	}
	b.work(id, true)
	r := <-b.await(long, 1, id) // who comes later does not wait
	r.want(t, store.Completed)
	if len(r.Content) != 8 {
		t.Errorf("content %v", r.Content)
	}
	NewHub(b.store, b.hub.log).Stop() // without a start
}

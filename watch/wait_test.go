package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// long is a limit that no test reaches: they wait for what happens.
const long = time.Hour

// ends checks that a wait has ended without an error, and that the multiplication is in a state then.
func (b *testBundle) ends(t *testing.T, results chan error, id uuid.UUID, want string) {
	t.Helper()
	if err := <-results; err != nil {
		t.Fatalf("Wait() = %v, want nil", err)
	}
	if got := b.state(id); got != want {
		t.Errorf("after Wait() the state is %s, want %s", got, want)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	b := setup(t)
	t.Run("completed", func(t *testing.T) {
		id := b.submit(1)
		results := b.wait(long, 1, id)
		b.joined(id, 1)
		b.work(id, true)
		b.ends(t, results, id, "completed")
	})
	t.Run("completed before", func(t *testing.T) {
		id := b.submit(1)
		b.work(id, true)
		b.ends(t, b.wait(long, 1, id), id, "completed")
	})
	t.Run("tile by tile", func(t *testing.T) {
		id := b.submit(3)
		results := b.wait(long, 1, id)
		b.joined(id, 1)
		for range 3 {
			b.work(id, true)
		}
		b.ends(t, results, id, "completed")
	})
	t.Run("cancelled, and failed after a retry", func(t *testing.T) {
		id := b.submit(2)
		first := b.wait(long, 1, id)
		b.joined(id, 1)
		b.end(id, "cancelled", "")
		b.ends(t, first, id, "cancelled")
		b.reopen(id)
		second := b.wait(long, 1, id) // it must not end with what was known before
		b.joined(id, 1)
		b.end(id, "failed", "")
		b.ends(t, second, id, "failed")
	})
	t.Run("the limit is over", func(t *testing.T) {
		id := b.submit(1)
		b.ends(t, b.wait(time.Millisecond, 1, id), id, "pending")
	})
	t.Run("completed without a notification", func(t *testing.T) {
		id := b.submit(1)
		results := b.wait(long, 1, id)
		b.joined(id, 1)
		b.work(id, false)
		b.ends(t, results, id, "completed")
	})
	t.Run("deleted meanwhile", func(t *testing.T) {
		id := b.submit(1)
		results := b.wait(long, 1, id)
		b.joined(id, 1)
		b.delete(id)
		if err := <-results; err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Wait() = %v, want nil or ErrNotFound", err)
		}
	})
	t.Run("just accepted", func(t *testing.T) {
		id := b.submit(1)
		results := make(chan error, 2)
		accepted := func() { results <- b.hub.WaitAccepted(t.Context(), own(id)[0], long) }
		go accepted()
		b.joined(id, 1)
		b.work(id, true)
		b.ends(t, results, id, "completed")
		accepted() // too late for the notification
		b.ends(t, results, id, "completed")
	})
	t.Run("unknown", func(t *testing.T) {
		if err := <-b.wait(long, 1, uuid.New()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Wait() = %v, want ErrNotFound", err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		id := b.submit(1)
		ended := make(chan error)
		go func() { ended <- b.hub.Wait(ctx, own(id)[0], long) }()
		b.joined(id, 1)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Wait() = %v, want Canceled", err)
		}
	})
	if n := b.hub.Watched(); n != 0 {
		t.Errorf("Watched() = %d, want 0", n)
	}
}

// TestWaitCost: many waiters cost a few queries, however many they are, and an idle hub none.
func TestWaitCost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const clients = 1000
	const few = 100 // a poll in every second that this takes on a slow machine
	t.Run("for one multiplication", func(t *testing.T) {
		id := b.submit(2)
		before := b.queries.Load()
		results := b.wait(long, clients, id)
		b.joined(id, clients)
		b.work(id, true)
		b.work(id, true)
		for range clients {
			b.ends(t, results, id, "completed")
		}
		if n := b.queries.Load() - before; n > few {
			t.Errorf("%d clients cost %d queries, want at most %d", clients, n, few)
		}
	})
	t.Run("for as many multiplications", func(t *testing.T) {
		ids := make([]uuid.UUID, clients)
		for i := range ids {
			ids[i] = b.submit(1)
		}
		before := b.queries.Load()
		results := b.wait(long, 1, ids...)
		eventually(t, "all are watched", func() bool { return b.hub.Watched() == clients })
		if _, err := b.store.Pool.Exec(t.Context(),
			"UPDATE multiplications SET state = 'cancelled', finished_at = now() WHERE state = 'pending'"); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			b.publisher.Finished(id)
		}
		for range clients {
			if err := <-results; err != nil {
				t.Fatalf("Wait() = %v, want nil", err)
			}
		}
		if n := b.queries.Load() - before; n > few {
			t.Errorf("%d clients cost %d queries, want at most %d", clients, n, few)
		}
	})
	t.Run("for nothing", func(t *testing.T) {
		eventually(t, "nothing is watched", func() bool { return b.hub.Watched() == 0 })
		before := b.queries.Load()
		for range 3 { // the loop has come round, and read nothing
			signal(b.hub.wake)
			eventually(t, "it is awake", func() bool { return len(b.hub.wake) == 0 })
		}
		if n := b.queries.Load() - before; n > 0 {
			t.Errorf("an idle hub costs %d queries, want 0", n)
		}
	})
}

// TestWaitDroppedConnections: a wait outlives the connections of the hub.
func TestWaitDroppedConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, connections := range []string{"= 'millrace listener'", "IS NOT NULL AND pid <> pg_backend_pid()"} {
		id := b.submit(1)
		results := b.wait(long, 1, id)
		b.joined(id, 1)
		eventually(t, "it listens", func() bool { return b.listening() == 1 })
		tag, err := b.store.Pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name `+connections)
		if err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("terminated %d connections, %v, want some", tag.RowsAffected(), err)
		}
		eventually(t, "the pool has a connection", func() bool { return b.store.Pool.Ping(t.Context()) == nil })
		b.work(id, true)
		b.ends(t, results, id, "completed")
		eventually(t, "it listens again", func() bool { return b.listening() == 1 })
	}
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

// TestWaitWithoutDatabase: while the database is unavailable waits go on, and those whose limit is over end.
func TestWaitWithoutDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)
	results := b.wait(long, 1, id)
	b.joined(id, 1)
	if _, err := b.store.Pool.Exec(t.Context(), "ALTER TABLE multiplications RENAME TO hidden"); err != nil {
		t.Fatal(err)
	}
	if err := <-b.wait(time.Millisecond, 1, id); err != nil {
		t.Errorf("Wait() = %v, want nil", err)
	}
	if _, err := b.store.Pool.Exec(t.Context(), "ALTER TABLE hidden RENAME TO multiplications"); err != nil {
		t.Fatal(err)
	}
	b.work(id, true)
	b.ends(t, results, id, "completed")
}

func TestStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)
	results := b.wait(long, 50, id)
	b.joined(id, 50)
	for range 2 {
		b.hub.Stop()
	}
	for range 50 {
		b.ends(t, results, id, "pending")
	}
	b.ends(t, b.wait(long, 1, id), id, "pending") // a stopped hub does not hold a request
	NewHub(b.store, b.hub.log).Stop()             // without a start
}

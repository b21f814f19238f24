package jobs_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// overWire returns a wire and a store whose connections go over it.
func (b *testBundle) overWire() (*wire.Wire, *store.Store) {
	b.t.Helper()
	databaseURL := testdb.URL(b.store.Pool)
	w := wire.New(b.t, "127.0.0.1:0", databaseURL)
	pool, err := pgxpool.New(b.t.Context(), w.URL(databaseURL))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return w, store.Open(pool, b.store.Blocks, time.Hour)
}

// refuses waits until a wire that is shut has refused more connections.
func refuses(t *testing.T, w *wire.Wire, more int64) {
	t.Helper()
	timeout := time.After(waitTimeout)
	for before := w.Refused(); w.Refused() < before+more; {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			t.Fatalf("got %d refused connections, want %d more", w.Refused()-before, more)
		}
	}
}

// TestComputedTileSurvivesAnOutage: a tile that is computed while the database is unavailable is stored when it is
// back. It is not computed again, and its attempt has not failed.
func TestComputedTileSurvivesAnOutage(t *testing.T) {
	b := setup(t)
	w, behind := b.overWire()
	release := b.kernel.block()
	c := b.clientOn(behind, queue.Config{Work: true, Lead: true})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.submit(c, 300, 300, 300)
	b.kernel.waitForCalls(t, 1)
	w.Shut()
	release()
	refuses(t, w, 20)
	w.Open()
	m := b.ends(id, jobs.Completed)
	if calls := b.kernel.calls.Load(); calls != 1 || m.Progress.Attempts != 1 || len(m.Errors) != 0 {
		t.Errorf("got %d calls of the kernel, %d attempts and the errors %+v, want 1, 1 and none",
			calls, m.Progress.Attempts, m.Errors)
	}
}

// TestOutageIsNoAttempt: a tile that cannot even begin because the database is unavailable, in its last attempt, is
// tried again.
func TestOutageIsNoAttempt(t *testing.T) {
	b := setup(t)
	w, behind := b.overWire()
	c := b.clientOn(behind, queue.Config{Work: true, Lead: true})
	id := b.submit(c, 300, 300, 300)
	b.exec("UPDATE river_job SET max_attempts = 1")
	tx, err := b.watch.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE matrices IN ACCESS EXCLUSIVE MODE"); err != nil { // the tile waits
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'running'")
	b.untilCount(1, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'matrices'::regclass")
	w.Shut()
	refuses(t, w, 5)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Open()
	if m := b.ends(id, jobs.Completed); m.Progress.Attempts != 1 || len(m.Errors) != 0 {
		t.Errorf("got %d attempts and the errors %+v, want 1 and none", m.Progress.Attempts, m.Errors)
	}
}

package jobs_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// people is River as people use it: a client of their own, which knows nothing of products.
func (b *testBundle) people() *river.Client[pgx.Tx] {
	b.t.Helper()
	c, err := river.NewClient(riverpgxv5.New(b.watch.Pool), &river.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// retryByHand does what the button in River UI does, to one tile of the only product there is.
func (b *testBundle) retryByHand(tile int) {
	b.t.Helper()
	if _, err := b.people().JobRetry(b.t.Context(), b.jobOf(tile)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *testBundle) jobOf(tile int) int64 {
	b.t.Helper()
	return b.count("SELECT id FROM river_job WHERE args->>'tile' = $1::int::text", tile)
}

// untilCount waits until a query counts n.
func (b *testBundle) untilCount(n int64, sql string, args ...any) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); b.count(sql, args...) != n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never %d: %s", n, sql)
		}
	}
}

// completes waits until a product that has failed or was cancelled is complete after all.
func (b *testBundle) completes(id uuid.UUID) store.Multiplication {
	b.t.Helper()
	b.untilCount(1, "SELECT count(*) FROM multiplications WHERE id = $1 AND state = 'completed'", id)
	return b.ends(id, store.Completed).Multiplication
}

// TestFailedTileRetriedByHand: a retry of the tile that failed takes up its product with all the tiles that were
// stopped.
func TestFailedTileRetriedByHand(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.client(jobs.Config{Work: true, Lead: true, Tiles: 1, Small: 1, Lease: time.Second})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET attempt = max_attempts - 1 WHERE args->>'tile' = '0'")
	b.exec("UPDATE river_job SET priority = 4 WHERE args->>'tile' <> '0'")
	b.kernel.corrupt.Store(1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
	b.ends(id, store.Failed)
	b.expectNoneActive(id)

	b.retryByHand(0)
	if p := b.completes(id); p.TilesCompleted != 4 || p.Failure != nil {
		t.Errorf("%+v", p)
	}
	p, err := b.store.Product(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	expectProduct(t, b.store, p)
}

// TestStoppedTilesRetriedByHand: so does a retry of tiles that were stopped because the product was cancelled, of all
// at once.
func TestStoppedTilesRetriedByHand(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true})
	id := b.submit(c, fourM, fourK, fourN)
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	for tile := range 3 {
		b.retryByHand(tile)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.completes(id)
}

// TestLateTileReopensNothing: a job that was fetched before its product was cancelled, and looks at it only afterwards.
func TestLateTileReopensNothing(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true})
	id := b.submit(c, 5, 5, 5)
	tx, err := b.watch.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	for _, sql := range []string{
		"LOCK TABLE multiplications IN ACCESS EXCLUSIVE MODE", // nobody can look at the product
		"UPDATE multiplications SET state = 'cancelled', finished_at = now()",
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE state = 'running'")
	// River's way to cancel a running job, without the notification: that may come too late.
	const mark = `UPDATE river_job SET metadata = metadata || '{"cancel_attempted_at": "2000-01-01T00:00:00Z"}'`
	if _, err := tx.Exec(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE state = 'cancelled'")
	b.ends(id, store.Cancelled)
}

// TestFailingTileDoesNotComeBack: the worker of the tile that made its product fail dies before River has written
// down that it failed. The tile is rescued, which is no retry by hand.
func TestFailingTileDoesNotComeBack(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true, Lead: true, Lease: time.Second})
	id := b.submit(c, 5, 5, 5)
	b.exec("UPDATE river_job SET args = jsonb_set(args, '{tile}', '99')")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	failed := b.ends(id, store.Failed).Multiplication
	b.expectNoneActive(id)
	b.exec(`UPDATE river_job SET state = 'running', finalized_at = NULL, attempted_by = '{dead}',
		attempted_at = now() - interval '10 minutes' WHERE args->>'tile' = '99'`)
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE args->>'tile' = '99' AND state = 'cancelled'")
	if p := b.ends(id, store.Failed).Multiplication; !p.FinishedAt.Equal(*failed.FinishedAt) {
		t.Error("it was taken up again, and failed again")
	}
}

// TestRetriedByHandWhileOthersStop: tiles that are about to stop would be missing in a product that is taken up at
// once.
func TestRetriedByHandWhileOthersStop(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.client(jobs.Config{Work: true, Tiles: 2, Small: 2})
	id := b.submit(c, fourM, fourK, fourN)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 2)
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	waiting := b.count("SELECT min((args->>'tile')::int) FROM river_job WHERE state = 'cancelled'")
	b.retryByHand(int(waiting))
	other := b.client(jobs.Config{Work: true})
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE metadata ? 'snoozes'")
	b.ends(id, store.Cancelled)
	release()
	if p := b.completes(id); p.TilesCompleted != 4 {
		t.Errorf("%+v", p)
	}
}

// TestCompletedTileRetriedByHand: what is counted is not counted, nor computed, again.
func TestCompletedTileRetriedByHand(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE args->>'tile' = '3'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(id, "at its last tile", func(s store.Status) bool { return s.Multiplication.TilesCompleted == 3 })
	const done = "SELECT count(*) FROM river_job WHERE state = 'completed' AND attempt = 2"
	b.retryByHand(0)
	b.untilCount(1, done)
	b.until(id, "at its last tile still", func(s store.Status) bool {
		return s.Multiplication.TilesCompleted == 3 && s.Multiplication.State == store.InProgress
	})
	b.exec("UPDATE river_job SET state = 'available', scheduled_at = now() WHERE args->>'tile' = '3'")
	b.ends(id, store.Completed)
	b.retryByHand(1)
	b.untilCount(2, done)
	if p := b.ends(id, store.Completed).Multiplication; p.TilesCompleted != 4 || b.kernel.calls.Load() != 4 {
		t.Errorf("%+v after %d calls", p, b.kernel.calls.Load())
	}
}

// TestJobsTellTheirProduct: people find the jobs of a product by its id.
func TestJobsTellTheirProduct(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{})
	id := b.submit(c, fourM, fourK, fourN)
	b.submit(c, 5, 5, 5)
	for what, params := range map[string]*river.JobListParams{
		"tag":      river.NewJobListParams().TagsAll(id.String()),
		"metadata": river.NewJobListParams().Metadata(`{"multiplication_id": "` + id.String() + `"}`),
		"product":  river.NewJobListParams().Metadata(`{"product": "2600×2 times 2×2100, float64"}`),
	} {
		if found, err := b.people().JobList(t.Context(), params); err != nil || len(found.Jobs) != 4 {
			t.Errorf("by %s: %+v, %v", what, found, err)
		}
	}
}

package jobs_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// river returns River as people use it: a client of its own, which knows nothing of multiplications.
func (b *testBundle) river() *river.Client[pgx.Tx] {
	b.t.Helper()
	c, err := river.NewClient(riverpgxv5.New(b.watch.Pool), &river.Config{})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// retryByHand does what the button in River UI does, to one tile of the only multiplication there is.
func (b *testBundle) retryByHand(tile int) {
	b.t.Helper()
	job := b.count("SELECT id FROM river_job WHERE args->>'tile' = $1::int::text", tile)
	if _, err := b.river().JobRetry(b.t.Context(), job); err != nil {
		b.t.Fatal(err)
	}
}

// completes waits until a multiplication that has failed or was cancelled is completed after all.
func (b *testBundle) completes(id uuid.UUID) jobs.Multiplication {
	b.t.Helper()
	b.untilCount(1, "SELECT count(*) FROM multiplications WHERE id = $1 AND state = 'completed'", id)
	return b.ends(id, jobs.Completed)
}

// TestFailedTileRetriedByHand: a retry of the tile that failed resumes its multiplication with all the tiles that were
// stopped.
func TestFailedTileRetriedByHand(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Tiles: 1,
		Small: 1,
		Lease: time.Second,
	})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET attempt = max_attempts - 1 WHERE args->>'tile' = '0'")
	b.exec("UPDATE river_job SET priority = 4 WHERE args->>'tile' <> '0'")
	b.kernel.corrupt.Store(1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
	b.ends(id, jobs.Failed)
	b.untilJobsEnd(id)

	b.retryByHand(0)
	if m := b.completes(id); m.TilesCompleted != 4 || m.Failure != "" {
		t.Errorf("got %d completed tiles and failure %q, want 4 and none", m.TilesCompleted, m.Failure)
	}
	b.expectResult(id)
}

// TestStoppedTilesRetriedByHand: so does a retry of several tiles that were stopped because the multiplication was
// cancelled.
func TestStoppedTilesRetriedByHand(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true})
	id := b.submit(c, fourM, fourK, fourN)
	if err := b.cancel(c, id); err != nil {
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

// TestLateTileReopensNothing: a job that was fetched before its multiplication was cancelled, and reads it only
// afterwards.
func TestLateTileReopensNothing(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true})
	id := b.submit(c, 5, 5, 5)
	tx, err := b.watch.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	for _, sql := range []string{
		"LOCK TABLE multiplications IN ACCESS EXCLUSIVE MODE", // the worker must wait before it can read
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
	b.ends(id, jobs.Cancelled)
}

// TestFailingTileDoesNotComeBack: the worker of the tile that made its multiplication fail dies before River has
// written down that it failed. The tile is rescued, which is no retry by hand.
func TestFailingTileDoesNotComeBack(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	id := b.submit(c, 5, 5, 5)
	b.exec("UPDATE river_job SET args = jsonb_set(args, '{tile}', '99')")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	failed := b.ends(id, jobs.Failed)
	b.untilJobsEnd(id)
	b.exec(`UPDATE river_job SET state = 'running', finalized_at = NULL, attempted_by = '{dead}',
		attempted_at = now() - interval '10 minutes' WHERE args->>'tile' = '99'`)
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE args->>'tile' = '99' AND state = 'cancelled'")
	if m := b.ends(id, jobs.Failed); !m.FinishedAt.Equal(*failed.FinishedAt) {
		t.Errorf("it finished at %s, want %s: it was resumed, and has failed again", m.FinishedAt, failed.FinishedAt)
	}
}

// TestRetriedByHandWhileOthersStop: tiles that are about to stop would be missing in a multiplication that is resumed
// at once.
func TestRetriedByHandWhileOthersStop(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.client(queue.Config{
		Work:  true,
		Tiles: 2,
		Small: 2,
	})
	id := b.submit(c, fourM, fourK, fourN)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 2)
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	waiting := b.count("SELECT min((args->>'tile')::int) FROM river_job WHERE state = 'cancelled'")
	b.retryByHand(int(waiting))
	other := b.client(queue.Config{Work: true})
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.untilCount(1, "SELECT count(*) FROM river_job WHERE metadata ? 'snoozes'")
	b.ends(id, jobs.Cancelled)
	release()
	if m := b.completes(id); m.TilesCompleted != 4 {
		t.Errorf("got %d completed tiles, want 4", m.TilesCompleted)
	}
}

// TestCompletedTileRetriedByHand: what is counted is not counted, nor computed, again.
func TestCompletedTileRetriedByHand(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE args->>'tile' = '3'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(id, "at its last tile", func(m jobs.Multiplication) bool { return m.TilesCompleted == 3 })
	const again = "SELECT count(*) FROM river_job WHERE state = 'completed' AND attempt = 2"
	calls := b.kernel.calls.Load()
	b.retryByHand(0)
	b.untilCount(1, again)
	if now := b.kernel.calls.Load(); now != calls {
		t.Errorf("got %d calls of the kernel after the retry of a tile that is counted, want %d", now, calls)
	}
	b.until(id, "at its last tile still", func(m jobs.Multiplication) bool {
		return m.TilesCompleted == 3 && m.State == jobs.InProgress
	})
	b.exec("UPDATE river_job SET state = 'available', scheduled_at = now() WHERE args->>'tile' = '3'")
	b.ends(id, jobs.Completed)
	calls = b.kernel.calls.Load()
	b.retryByHand(1)
	b.untilCount(2, again)
	m := b.ends(id, jobs.Completed)
	if now := b.kernel.calls.Load(); m.TilesCompleted != 4 || now != calls {
		t.Errorf("got %d completed tiles and %d calls of the kernel, want 4 and %d", m.TilesCompleted, now, calls)
	}
}

// TestJobsTellTheirMultiplication: people find the jobs of a multiplication by its id.
func TestJobsTellTheirMultiplication(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	id := b.submit(c, fourM, fourK, fourN)
	b.submit(c, 5, 5, 5)
	for what, params := range map[string]*river.JobListParams{
		"tag":      river.NewJobListParams().TagsAll(id.String()),
		"metadata": river.NewJobListParams().Metadata(`{"multiplication_id": "` + id.String() + `"}`),
		"title":    river.NewJobListParams().Metadata(`{"product": "2600×2 times 2×2100, float64"}`),
	} {
		found, err := b.river().JobList(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Jobs) != 4 {
			t.Errorf("by %s: got %d jobs, want 4", what, len(found.Jobs))
		}
	}
}

package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// TestRetryFailed: after a failure only what is missing runs again, and the history stays.
func TestRetryFailed(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE args->>'tile' = '3'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(id, "at its last tile", func(m jobs.Multiplication) bool { return m.TilesCompleted == 3 })
	b.kernel.corrupt.Store(1)
	b.exec(`UPDATE river_job SET state = 'available', scheduled_at = now(), attempt = max_attempts - 1
		WHERE args->>'tile' = '3'`)
	b.ends(id, jobs.Failed)
	b.untilJobsEnd(id)
	calls := b.kernel.calls.Load()

	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	m := b.ends(id, jobs.Completed)
	const aTile = 4 // calls at most; two tiles of this shape have more
	if ran := b.kernel.calls.Load() - calls; ran < 1 || ran > aTile {
		t.Errorf("got %d calls of the kernel after the retry, want those of one tile, at most %d", ran, aTile)
	}
	if m.Failure != "" || len(m.Errors) == 0 {
		t.Errorf("after the retry: failure %q and errors %+v, want no failure, and the errors of before", m.Failure, m.Errors)
	}
	if err := b.retry(c, id); !errors.Is(err, jobs.ErrCompleted) {
		t.Errorf("RetryTx() of a completed multiplication = %v, want %v", err, jobs.ErrCompleted)
	}
}

func TestRetryCancelled(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Lead: true})
	id := b.submit(c, fourM, fourK, fourN)
	if err := b.retry(c, id); !errors.Is(err, jobs.ErrActive) {
		t.Errorf("RetryTx() of a pending multiplication = %v, want %v", err, jobs.ErrActive)
	}
	if err := b.retry(c, uuid.New()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("RetryTx() of an unknown id = %v, want %v", err, store.ErrNotFound)
	}
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	b.until(id, "pending", func(m jobs.Multiplication) bool { return m.State == jobs.Pending })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
}

// TestRetryWhileStopping: a tile that is about to stop must not be counted among those that run again.
func TestRetryWhileStopping(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.start()
	id := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	if err := b.retry(c, id); !errors.Is(err, jobs.ErrActive) {
		t.Errorf("RetryTx() while tiles stop = %v, want %v", err, jobs.ErrActive)
	}
	release()
	b.untilJobsEnd(id)
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
}

// TestRetryRestoresDeletedJobs: a multiplication whose jobs were deleted in River UI fails, and a retry completes it,
// also when jobs of completed tiles are among them.
func TestRetryRestoresDeletedJobs(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Lead: true})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE args->>'tile' IN ('2', '3')")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(id, "half done", func(m jobs.Multiplication) bool { return m.TilesCompleted == 2 })
	b.exec("DELETE FROM river_job WHERE args->>'tile' IN ('0', '3')")
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	b.untilJobsEnd(id)
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	if m := b.ends(id, jobs.Completed); m.TilesCompleted != 4 {
		t.Errorf("got %d completed tiles, want 4", m.TilesCompleted)
	}
	b.expectResult(id)
}

// TestRetryRestoresOneJob: a tile that was counted, and whose job was deleted, is not counted any more when a retry has
// given it another job, in the multiplication's place in line.
func TestRetryRestoresOneJob(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET state = 'completed', finalized_at = now(), metadata = metadata || '{"counted": true}'
		WHERE args->>'tile' IN ('1', '2')`)
	b.exec("UPDATE multiplications SET state = 'in_progress', started_at = now(), tiles_completed = 2")
	b.exec("DELETE FROM river_job WHERE args->>'tile' = '1'")
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	b.wantCounts("SELECT tiles_completed FROM multiplications", 1,
		"SELECT count(*) FROM river_job WHERE state = 'available' AND args->>'tile' IN ('0', '1', '3')", 3,
		`SELECT count(*) FROM river_job j, multiplications m
			WHERE (j.metadata->>'due_at')::timestamptz = m.created_at AND args->>'tile' = '1'`, 1)
}

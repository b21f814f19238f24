package jobs_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// TestRetryFailed: after a failure only what is missing runs again, and the history stays.
func TestRetryFailed(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true, Lead: true, Lease: time.Second})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 day' WHERE args->>'tile' = '3'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(id, "at its last tile", func(s store.Status) bool { return s.Multiplication.TilesCompleted == 3 })
	b.kernel.corrupt.Store(1)
	b.exec(`UPDATE river_job SET state = 'available', scheduled_at = now(), attempt = max_attempts - 1 WHERE args->>'tile' = '3'`)
	b.ends(id, store.Failed)
	b.expectNoneActive(id)
	calls := b.kernel.calls.Load()

	if err := c.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	status := b.ends(id, store.Completed)
	if ran := b.kernel.calls.Load() - calls; ran != 1 {
		t.Errorf("%d tiles ran again", ran)
	}
	if status.Multiplication.Failure != nil || len(status.Errors) == 0 {
		t.Errorf("%+v", status)
	}
	if err := c.Retry(t.Context(), id); !errors.Is(err, jobs.ErrFinal) {
		t.Errorf("completed: got %v", err)
	}
}

func TestRetryCancelled(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true, Lead: true})
	id := b.submit(c, fourM, fourK, fourN)
	if err := c.Retry(t.Context(), id); !errors.Is(err, jobs.ErrActive) {
		t.Errorf("pending: got %v", err)
	}
	if err := c.Retry(t.Context(), uuid.New()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: got %v", err)
	}
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := c.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.until(id, "pending", func(s store.Status) bool { return s.Multiplication.State == store.Pending })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, store.Completed)
}

// TestRetryWhileStopping: a tile that is about to stop must not be counted among those that run again.
func TestRetryWhileStopping(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.start()
	id := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := c.Retry(t.Context(), id); !errors.Is(err, jobs.ErrActive) {
		t.Errorf("got %v", err)
	}
	release()
	b.expectNoneActive(id)
	if err := c.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.ends(id, store.Completed)
}

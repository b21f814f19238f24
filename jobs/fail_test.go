package jobs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// TestOutOfAttempts: one tile that is out of attempts fails the product and stops its other tiles.
func TestOutOfAttempts(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.client(jobs.Config{Work: true, Lead: true, Tiles: 1, Lease: time.Second})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET attempt = max_attempts - 1 WHERE args->>'tile' = '0'")
	b.exec("UPDATE river_job SET priority = 4 WHERE args->>'tile' <> '0'")
	b.kernel.corrupt.Store(1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
	status := b.ends(id, store.Failed)
	if f := status.Multiplication.Failure; f == nil || !strings.Contains(*f, "tile 0, attempt 10 of 10") {
		t.Errorf("failure %v", f)
	}
	b.expectNoneActive(id)
	if n := b.count("SELECT count(*) FROM river_job WHERE state = 'discarded'"); n != 1 {
		t.Errorf("%d jobs are discarded", n)
	}
}

// expectNoneActive waits until no job of a product is to be worked any more.
func (b *testBundle) expectNoneActive(id uuid.UUID) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		n := b.count("SELECT count(*) FROM river_job WHERE finalized_at IS NULL AND args->>'multiplication_id' = $1", id.String())
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%d jobs are still active", n)
		}
	}
}

// TestPermanentError: what no other attempt can mend fails at once.
func TestPermanentError(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true, Lead: true, Tiles: 1})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET args = jsonb_set(args, '{tile}', '99') WHERE args->>'tile' = '0'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	status := b.ends(id, store.Failed)
	if f := status.Multiplication.Failure; f == nil || !strings.Contains(*f, "tile 99 of 4") {
		t.Errorf("failure %v", f)
	}
	b.expectNoneActive(id)
	if n := b.count("SELECT attempt FROM river_job WHERE args->>'tile' = '99'"); n != 1 {
		t.Errorf("it was tried %d times", n)
	}
}

func TestCancelPending(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{})
	id := b.submit(c, fourM, fourK, fourN)
	for range 2 { // the second time is no error
		if err := c.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	b.ends(id, store.Cancelled)
	b.expectNoneActive(id)
}

func TestCancelRunning(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.start()
	id := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	b.until(id, "in progress", func(s store.Status) bool { return s.Multiplication.State == store.InProgress })
	if err := c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	release()
	b.expectNoneActive(id)
	status := b.ends(id, store.Cancelled)
	if status.Multiplication.TilesCompleted != 0 {
		t.Errorf("%d tiles were counted after the end", status.Multiplication.TilesCompleted)
	}
}

func TestCancelTooLate(t *testing.T) {
	b := setup(t)
	c := b.start()
	id := b.submit(c, 2, 2, 2)
	b.ends(id, store.Completed)
	if err := c.Cancel(t.Context(), id); !errors.Is(err, jobs.ErrFinal) {
		t.Errorf("completed: got %v", err)
	}
	if err := c.Cancel(t.Context(), uuid.New()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown: got %v", err)
	}
}

// TestSettle: River discards a job behind our back; the sweep finds the product that nobody works on.
func TestSettle(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true, Lead: true})
	id := b.submit(c, 5, 5, 5)
	b.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now(),
		errors = ARRAY[jsonb_build_object('at', now(), 'attempt', 3, 'error', 'lost', 'trace', '')]`)
	if err := c.Start(t.Context()); err != nil { // the sweep runs on start
		t.Fatal(err)
	}
	status := b.ends(id, store.Failed)
	if f := status.Multiplication.Failure; f == nil || !strings.Contains(*f, "attempt 3: lost") {
		t.Errorf("failure %v", f)
	}
}

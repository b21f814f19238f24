package jobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// TestOutOfAttempts: one tile that is out of attempts fails the multiplication and stops its other tiles.
func TestOutOfAttempts(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Tiles: 1,
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
	const want = "tile 0, attempt 10 of 10"
	if m := b.ends(id, jobs.Failed); !strings.Contains(m.Failure, want) {
		t.Errorf("the failure is %q, want one with %q", m.Failure, want)
	}
	b.untilJobsEnd(id)
	if n := b.count("SELECT count(*) FROM river_job WHERE state = 'discarded'"); n != 1 {
		t.Errorf("got %d discarded jobs, want 1", n)
	}
}

// TestPermanentError: what no other attempt can mend fails at once.
func TestPermanentError(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Tiles: 1,
	})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec("UPDATE river_job SET args = jsonb_set(args, '{tile}', '4') WHERE args->>'tile' = '0'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "tile 4 of 4"
	if m := b.ends(id, jobs.Failed); !strings.Contains(m.Failure, want) {
		t.Errorf("the failure is %q, want one with %q", m.Failure, want)
	}
	b.untilJobsEnd(id)
	if n := b.count("SELECT attempt FROM river_job WHERE args->>'tile' = '4'"); n != 1 {
		t.Errorf("got %d attempts, want 1", n)
	}
}

// TestReconcile: River discards a job without passing through Millrace's code; the sweep finds its multiplication.
func TestReconcile(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Lead: true})
	id := b.submit(c, 5, 5, 5)
	b.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now(),
		errors = ARRAY[jsonb_build_object('at', now(), 'attempt', 3, 'error', 'lost', 'trace', '')]`)
	if err := c.Start(t.Context()); err != nil { // the sweep runs on start
		t.Fatal(err)
	}
	const want = "attempt 3: lost"
	if m := b.ends(id, jobs.Failed); !strings.Contains(m.Failure, want) {
		t.Errorf("the failure is %q, want one with %q", m.Failure, want)
	}
}

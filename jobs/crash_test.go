package jobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// lose leaves all jobs as a worker does that died: running, and its lease is not renewed.
func (b *testBundle) lose() {
	b.t.Helper()
	lost := b.exec(`UPDATE river_job SET state = 'running', attempt = attempt + 1,
		attempted_at = now() - interval '10 minutes', attempted_by = array_append(attempted_by, 'dead')`)
	if lost == 0 {
		b.t.Fatal("got no jobs, want some to lose")
	}
}

func TestLostWorker(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	id := b.submit(c, 5, 5, 5)
	b.lose()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := b.ends(id, jobs.Completed)
	if len(m.Errors) != 1 || !strings.Contains(m.Errors[0].Message, "stopped renewing its lease") {
		t.Errorf("got the errors %+v, want one about the lease", m.Errors)
	}
	if n := b.count("SELECT attempt FROM river_job WHERE kind = 'multiply_tile'"); n != 1 {
		t.Errorf("got %d attempts, want 1: a crash is none", n)
	}
}

func TestTileThatKillsItsWorkers(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true, Lease: time.Second})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET metadata = jsonb_build_object('crashes', 2, 'alone', now() - interval '10 minutes'),
		state = 'running', attempt = 1, attempted_at = now() - interval '10 minutes', attempted_by = '{dead}'
		WHERE args->>'tile' = '1'`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want, reconciled = "tile 1 crashed its worker 3 times", "(crash 3 of at most 3)" // a pass may see it first
	if m := b.ends(id, jobs.Failed); !strings.Contains(m.Failure, want) && !strings.Contains(m.Failure, reconciled) {
		t.Errorf("the failure is %q, want one with %q, or %q", m.Failure, want, reconciled)
	}
	b.untilJobsEnd(id)
}

// TestQuarantineDespiteErrors: a job is rescued once, so its multiplication fails also when the deletion of old leases,
// which follows the rescue, returns an error.
func TestQuarantineDespiteErrors(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true, Lease: time.Second})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET metadata = jsonb_build_object('crashes', 2, 'alone', now() - interval '10 minutes'),
		state = 'running', attempt = 1, attempted_at = now() - interval '10 minutes', attempted_by = '{dead}'
		WHERE args->>'tile' = '1'`)
	b.exec("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$")
	b.exec("CREATE TRIGGER refuse BEFORE DELETE ON workers EXECUTE FUNCTION refuse()")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Failed)
}

// TestLivingWorkerKeepsItsJobs: a tile that takes longer than a lease is not taken away.
func TestLivingWorkerKeepsItsJobs(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.start() // with a lease of one second
	id := b.submit(c, 300, 300, 300)
	b.kernel.waitForCalls(t, 1)
	leases := b.count("SELECT count(*) FROM workers")
	// Without renewals the lease would have run out twice since the tile was begun.
	b.untilCount(1, `SELECT count(*) FROM workers, river_job
		WHERE kind = 'multiply_tile' AND state = 'running' AND renewed_at > attempted_at + interval '3 seconds'`)
	release()
	m := b.ends(id, jobs.Completed)
	if leases != 1 || len(m.Errors) != 0 || m.Progress.Attempts != 1 {
		t.Errorf("got %d leases, the errors %+v and %d attempts, want 1 lease, no errors and 1 attempt",
			leases, m.Errors, m.Progress.Attempts)
	}
}

// TestTileDoneTwice: a worker whose job was given to another one finishes its tile while the other works on it. The
// tile counts once.
func TestTileDoneTwice(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.start()
	id := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	b.exec("UPDATE river_job SET state = 'available' WHERE state = 'running'")
	other := b.client(queue.Config{Work: true})
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 4)
	release()
	if m := b.ends(id, jobs.Completed); m.TilesCompleted != 4 {
		t.Errorf("got %d completed tiles, want 4", m.TilesCompleted)
	}
	b.untilJobsEnd(id)
	if n := b.count("SELECT count(*) FROM river_job WHERE state = 'completed' AND kind = 'multiply_tile'"); n != 4 {
		t.Errorf("got %d completed jobs, want 4", n)
	}
}

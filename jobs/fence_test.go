package jobs_test

import (
	"testing"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// freeze starts a client with some slots that is held up in its kernel until the returned function is called. It
// leaves the bundle with another kernel.
func (b *testBundle) freeze(slots int) (frozen *jobs.Client, kernel *faultyKernel, thaw func()) {
	b.t.Helper()
	kernel = b.kernel
	frozen = b.client(queue.Config{
		Work:  true,
		Tiles: slots,
		Small: slots,
	})
	thaw = kernel.block()
	if err := frozen.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.kernel = newFaultyKernel(kernel.Kernel)
	return frozen, kernel, thaw
}

// TestLateCancellation: a process that is frozen while its multiplication is cancelled, rescued, retried and worked
// by another one, obeys the old order to stop when it thaws.
func TestLateCancellation(t *testing.T) {
	b := setup(t)
	frozen, kernel, thaw := b.freeze(1)
	kernel.corrupt.Store(1) // a good tile would be stored and counted
	id := b.submit(frozen, 300, 300, 300)
	kernel.waitForCalls(t, 1)
	if err := b.cancel(frozen, id); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE river_job SET state = 'cancelled', finalized_at = now()") // as by the rescue of a marked job
	if err := b.retry(frozen, id); err != nil {
		t.Fatal(err)
	}
	release := b.kernel.block()
	other := b.client(queue.Config{Work: true, Lead: true})
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 1)
	thaw()
	frozen.Stop() // it has reported
	if n := b.count("SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'running'"); n != 1 {
		t.Errorf("got %d running tiles after the report of the frozen process, want 1", n)
	}
	release()
	b.ends(id, jobs.Completed)
}

// TestLateFailure: a frozen process fails in its last attempt at a tile that another one works by now.
func TestLateFailure(t *testing.T) {
	b := setup(t)
	frozen, kernel, thaw := b.freeze(1)
	kernel.corrupt.Store(1)
	id := b.submit(frozen, 300, 300, 300)
	b.exec("UPDATE river_job SET max_attempts = 1")
	kernel.waitForCalls(t, 1)
	b.exec("UPDATE river_job SET state = 'available', attempt = 0") // as by Rescue
	release := b.kernel.block()
	other := b.client(queue.Config{Work: true})
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 1)
	thaw()
	frozen.Stop()
	if m := b.until(id, "not ended", func(jobs.Multiplication) bool { return true }); m.State.Final() {
		t.Errorf("after the failure of the frozen process it is %s: %s, want it active", m.State, m.Failure)
	}
	release()
	b.ends(id, jobs.Completed)
}

// TestLostResponseOfLastAttempt: the commit of the last attempt succeeds, but the worker does not learn of it and
// reports an error. That fails nothing: the tile is counted.
func TestLostResponseOfLastAttempt(t *testing.T) {
	b := setup(t)
	frozen, kernel, thaw := b.freeze(2)
	kernel.corrupt.Store(1)
	id := b.submit(frozen, fourM, fourK, fourN)
	kernel.waitForCalls(t, 2)
	b.exec("UPDATE river_job SET max_attempts = 1, state = 'completed', finalized_at = now() WHERE state = 'running'")
	b.exec("UPDATE river_job SET state = 'scheduled', scheduled_at = now() + interval '1 hour' WHERE state = 'available'")
	thaw()
	frozen.Stop()
	if m := b.until(id, "looked at", func(jobs.Multiplication) bool { return true }); m.State.Final() {
		t.Errorf("it is %s: %s, want it active", m.State, m.Failure)
	}
}

package jobs_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// TestSoftStop: what does not finish in time goes back to the queue and has lost nothing.
func TestSoftStop(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.client(queue.Config{
		Work:     true,
		Lead:     true,
		SoftStop: 200 * time.Millisecond,
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.submit(c, 500, 20_000, 500) // many panels: between two of them the engine looks for the order to stop
	b.kernel.waitForCalls(t, 1)
	stopped := stop(c)
	time.Sleep(time.Second) // past the soft stop, which gives no signal while the kernel is held up
	release()
	<-stopped
	c.Stop() // twice is fine
	m := b.until(id, "back in the queue", func(m jobs.Multiplication) bool { return m.Progress.Running == 0 })
	if m.Progress.Attempts != 0 || len(m.Errors) != 0 {
		t.Errorf("got %d attempts and the errors %+v, want none of either", m.Progress.Attempts, m.Errors)
	}
	if n := b.count("SELECT count(*) FROM workers"); n != 0 {
		t.Errorf("got %d leases that are left, want 0", n)
	}
	b.start()
	b.ends(id, jobs.Completed)
}

// TestStopLetsTilesFinish: what finishes in time is kept.
func TestStopLetsTilesFinish(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.start()
	id := b.submit(c, 1000, 1000, 1000)
	b.kernel.waitForCalls(t, 1)
	stopped := stop(c)
	time.Sleep(200 * time.Millisecond) // the stop has begun, which gives no signal while a tile runs
	release()
	<-stopped
	b.ends(id, jobs.Completed)
}

// TestHardStop: a computation that hangs does not keep its process from stopping, and its job goes to another worker.
func TestHardStop(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.client(queue.Config{
		Work:     true,
		Lead:     true,
		SoftStop: 100 * time.Millisecond,
		HardStop: 100 * time.Millisecond,
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.submit(c, 1000, 1000, 1000)
	b.kernel.waitForCalls(t, 1)
	<-stop(c) // the kernel is still held up
	if n := b.count("SELECT count(*) FROM workers"); n != 0 {
		t.Errorf("got %d leases that are left, want 0", n)
	}
	release()
	b.start()
	b.ends(id, jobs.Completed)
}

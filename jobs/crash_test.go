package jobs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

// lose makes all jobs look as a worker leaves them that died: running, and nobody renews the lease.
func (b *testBundle) lose() {
	b.t.Helper()
	if b.exec(`UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = now() - interval '10 minutes',
		attempted_by = array_append(attempted_by, 'dead')`) == 0 {
		b.t.Fatal("there are no jobs")
	}
}

func TestLostWorker(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Work: true, Lead: true, Lease: time.Second})
	id := b.submit(c, 5, 5, 5)
	b.lose()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	status := b.ends(id, store.Completed)
	if len(status.Errors) != 1 || !strings.Contains(status.Errors[0].Message, "worker dead") {
		t.Errorf("errors %+v", status.Errors)
	}
	if n := b.count("SELECT attempt FROM river_job WHERE kind = 'multiply_tile'"); n != 1 {
		t.Errorf("the crash cost %d attempts", n-1)
	}
}

func TestTileThatKillsItsWorkers(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{Lead: true, Lease: time.Second})
	id := b.submit(c, fourM, fourK, fourN)
	b.exec(`UPDATE river_job SET metadata = '{"crashes": 2}', state = 'running', attempt = 1,
		attempted_at = now() - interval '10 minutes', attempted_by = '{dead}' WHERE args->>'tile' = '1'`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	status := b.ends(id, store.Failed)
	if f := status.Multiplication.Failure; f == nil || !strings.Contains(*f, "tile 1 crashed its worker 3 times") {
		t.Errorf("failure %v", f)
	}
	b.expectNoneActive(id)
}

// TestLivingWorkerKeepsItsJobs: a tile that takes longer than a lease is not taken away.
func TestLivingWorkerKeepsItsJobs(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.start() // with a lease of one second
	id := b.submit(c, 300, 300, 300)
	b.kernel.waitForCalls(t, 1)
	lease := b.count("SELECT count(*) FROM workers")
	time.Sleep(3 * time.Second) // the lease would have run out twice
	release()
	status := b.ends(id, store.Completed)
	if lease != 1 || len(status.Errors) != 0 || status.Attempts != 1 {
		t.Errorf("%d leases, %+v, %+v", lease, status.ListStatusesRow, status.Errors)
	}
}

// TestTileDoneTwice: a worker that was given up for lost finishes its tile while another one works on it. The tile
// counts once.
func TestTileDoneTwice(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.start()
	id := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	b.exec("UPDATE river_job SET state = 'available' WHERE state = 'running'")
	other := b.client(jobs.Config{Work: true})
	if err := other.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.kernel.waitForCalls(t, 4)
	release()
	status := b.ends(id, store.Completed)
	if p := status.Multiplication; p.TilesCompleted != 4 {
		t.Errorf("%d tiles of 4", p.TilesCompleted)
	}
	b.expectNoneActive(id)
	if n := b.count("SELECT count(*) FROM river_job WHERE state = 'completed' AND kind = 'multiply_tile'"); n != 4 {
		t.Errorf("%d jobs are completed", n)
	}
}

// TestSoftStop: what does not finish in time goes back to the queue and has lost nothing.
func TestSoftStop(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.client(jobs.Config{Work: true, Lead: true, SoftStop: 200 * time.Millisecond})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := b.submit(c, 500, 20_000, 500) // many panels: the order to stop is heard between two of them
	b.kernel.waitForCalls(t, 1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.Stop()
	}()
	time.Sleep(time.Second) // past the soft stop
	release()
	<-stopped
	c.Stop() // twice is fine
	status := b.until(id, "back in the queue", func(s store.Status) bool { return s.Running == 0 })
	if status.Attempts != 0 || len(status.Errors) != 0 {
		t.Errorf("%+v, %+v", status.ListStatusesRow, status.Errors)
	}
	if n := b.count("SELECT count(*) FROM workers"); n != 0 {
		t.Errorf("%d leases are left", n)
	}
	b.start()
	b.ends(id, store.Completed)
}

// TestStopLetsTilesFinish: what finishes in time is kept.
func TestStopLetsTilesFinish(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.start()
	id := b.submit(c, 1000, 1000, 1000)
	b.kernel.waitForCalls(t, 1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.Stop()
	}()
	time.Sleep(200 * time.Millisecond) // the stop has begun
	release()
	<-stopped
	b.ends(id, store.Completed)
}

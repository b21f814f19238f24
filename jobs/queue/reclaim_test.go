package queue

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/watch/notify"
)

// state returns the state of a job.
func (b *testBundle) state(id int64) string {
	b.t.Helper()
	return query[string](b, "SELECT state::text FROM river_job WHERE id = $1", id)
}

// TestLostFetch: the database has given a job to a worker, and the connection breaks before the worker knows of it. The
// worker returns the job to its place in line, and no attempt is lost.
func TestLostFetch(t *testing.T) {
	b := setup(t)
	w, s := b.wired()
	group := b.enqueue(b.client(Config{}, idle), Tiles, 5, 5, 5)
	b.exec("UPDATE river_job SET scheduled_at = now() - interval '1 day'")
	place := query[time.Time](b, "SELECT scheduled_at FROM river_job WHERE id = $1", group.First)
	w.Lose([]byte(group.ID.String())) // only the response to a fetch has the args of a job
	b.startOf(s, Config{Work: true, Lease: time.Second}, idle)
	b.untilTrue("the job is completed", "SELECT state = 'completed' FROM river_job WHERE id = $1", group.First)
	if !w.Lost() {
		t.Error("no response to a fetch was lost, want one")
	}
	if attempt := query[int](b, "SELECT attempt::int FROM river_job WHERE id = $1", group.First); attempt != 1 {
		t.Errorf("got %d attempts, want 1: nothing was attempted before", attempt)
	}
	if query[bool](b, "SELECT metadata ? 'crashes' FROM river_job WHERE id = $1", group.First) {
		t.Error("a crash was counted, want none")
	}
	if at := query[time.Time](b, "SELECT scheduled_at FROM river_job WHERE id = $1", group.First); !at.Equal(place) {
		t.Errorf("its place in line is %s, want %s", at, place)
	}
}

// TestLostFetchOfCancelledJob: what was told to stop does not run again.
func TestLostFetchOfCancelledJob(t *testing.T) {
	b := setup(t)
	c := b.client(Config{Work: true, Lease: time.Second}, idle)
	group := b.enqueue(c, Tiles, 5, 5, 5)
	b.run(group.First, c.id)
	b.exec("UPDATE river_job SET metadata = jsonb_build_object($1::text, now())", cancelMark)
	c.reclaim(t.Context())
	if got := b.state(group.First); got != "cancelled" {
		t.Errorf("the job is %s, want cancelled", got)
	}
}

// run makes a job run in a worker, since ten minutes ago.
func (b *testBundle) run(id int64, worker string) {
	b.t.Helper()
	b.exec(`UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now() - interval '10 minutes',
		attempted_by = $2 WHERE id = $1`, id, []string{worker})
}

// TestJobsInHandAreKept: what a worker has in hand is not reclaimed, however long it takes, and neither is what others
// run, nor what a fetch under way may have taken.
func TestJobsInHandAreKept(t *testing.T) {
	b := setup(t)
	w, began, release := blocked()
	c := b.start(Config{
		Work:  true,
		Tiles: 1,
		Lease: time.Minute,
	}, w)
	defer release()
	group := b.enqueue(c, Tiles, fourM, fourK, fourN)
	id := receive(t, "attempt", began)
	others := group.First + 1
	forgotten := group.First + 2
	f := c.hands.begin()
	f.began = f.began.Add(-time.Hour)
	b.run(id, c.id)
	b.run(others, "other")
	b.run(forgotten, c.id)
	c.reclaim(t.Context())
	if got := b.state(forgotten); got != "running" {
		t.Errorf("a job that a fetch under way may have taken is %s, want running", got)
	}
	c.hands.end(f, nil)
	c.reclaim(t.Context())
	for _, kept := range []int64{id, others} {
		if got := b.state(kept); got != "running" {
			t.Errorf("job %d is %s, want running", kept, got)
		}
	}
	if got := b.state(forgotten); got != "available" {
		t.Errorf("a job that is not in hand is %s, want available", got)
	}
}

// TestStopReclaims: a worker that stops leaves nothing behind that runs in its name, so that no crash is counted.
func TestStopReclaims(t *testing.T) {
	b := setup(t)
	c := b.start(Config{Work: true, Lease: time.Hour}, idle)
	b.enqueue(c, "another queue", 5, 5, 5)
	id := query[int64](b, `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = now(), attempted_by = $1
		RETURNING id`, []string{c.id})
	c.Stop()
	if got := b.state(id); got != "available" {
		t.Errorf("the job is %s, want available", got)
	}
}

// hangs is a worker that does not heed the order to stop.
type hangs struct {
	river.WorkerDefaults[tileArgs]
	release chan struct{}
}

// Timeout implements river.Worker.
func (h *hangs) Timeout(*river.Job[tileArgs]) time.Duration { return time.Millisecond }

// Work implements river.Worker.
func (h *hangs) Work(context.Context, *river.Job[tileArgs]) error {
	<-h.release
	return nil
}

// TestStuck: a process learns that a job of it hangs.
func TestStuck(t *testing.T) {
	b := setup(t)
	h := &hangs{release: make(chan struct{})}
	all := river.NewWorkers()
	river.AddWorker(all, h)
	sender := notify.NewSender(b.store.Pool, b.log)
	config := Config{
		Work:  true,
		Tiles: 1,
		Small: 1,
	}
	c, err := New(b.store, sender, config, Parts{Workers: all}, b.log)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Stop()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	defer close(h.release)
	b.enqueue(c, Tiles, 5, 5, 5)
	receive(t, "end of the wait for a job that hangs", c.Stuck())
}

// TestLateReclaim: a statement that reclaims arrives late, and the process has fetched a job since it was sent. The job
// stays with the process.
func TestLateReclaim(t *testing.T) {
	b := setup(t)
	w, began, release := blocked()
	defer release()
	c := b.start(Config{Work: true, Lease: time.Second}, w)
	inHand, at, _ := c.hands.held()
	group := b.enqueue(c, Tiles, 5, 5, 5)
	receive(t, "job", began)
	b.untilTrue("the job is older than a lease",
		"SELECT attempted_at < now() - interval '1 second' FROM river_job WHERE id = $1", group.First)
	if err := c.reclaimOthers(t.Context(), inHand, at, time.Second); err != nil {
		t.Fatal(err)
	}
	if got := b.state(group.First); got != "running" {
		t.Errorf("the job is %s, want running", got)
	}
}

// TestStopDoesNotWaitForHangs: the end of a process waits for what it has in hand, and not for a job that is known to
// hang.
func TestStopDoesNotWaitForHangs(t *testing.T) {
	b := setup(t)
	w, began, release := blocked()
	defer release()
	c := b.start(Config{
		Work:     true,
		SoftStop: time.Hour,
	}, w)
	group := b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.exec("DELETE FROM river_job WHERE id > $1", group.First+1)
	first, second := receive(t, "first job", began), receive(t, "second job", began)
	c.hands.hang(first)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.Stop()
	}()
	select {
	case <-stopped:
		t.Error("the process has stopped while a job runs that does not hang, want it to wait")
	case <-time.After(200 * time.Millisecond): // that it waits gives no signal
	}
	c.hands.hang(second)
	receive(t, "end of the process", stopped)
	if left := query[int](b, "SELECT count(*)::int FROM workers"); left != 0 {
		t.Errorf("%d leases are left, want 0", left)
	}
}

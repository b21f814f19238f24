package queue

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/jobs/queue/session"
)

// TestSilentWorker: the jobs of a worker that nothing reaches any more, whose connections stay open since no FIN has come,
// run elsewhere when its lease has run out. When the network is back it stops the work on them, and has not crashed.
func TestSilentWorker(t *testing.T) {
	b := setup(t)
	const lease = 2 * time.Second
	leader := b.start(Config{Lead: true, Lease: lease}, idle)
	w, s := b.wired()
	causes := make(chan error, 10)
	config := Config{
		Work:     true,
		Lease:    lease,
		SoftStop: time.Millisecond,
	}
	worker := b.startOf(s, config, func(ctx context.Context, _ *river.Job[tileArgs]) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	b.untilTrue("the job runs", "SELECT state = 'running' FROM river_job WHERE id = $1", group.First)
	ended := b.looking(leader)
	w.Silence()
	b.until("the lease has run out", func() bool { return len(b.rescue(leader)) == 1 })
	if len(ended) > 0 {
		t.Error("the session of a worker whose connections are open has ended")
	}
	elsewhere := make(chan int64, 1)
	other := b.start(config, func(ctx context.Context, job *river.Job[tileArgs]) error {
		elsewhere <- job.ID
		<-ctx.Done()
		return ctx.Err()
	})
	other.Wake(Tiles)
	if got := receive(t, "attempt of another worker", elsewhere); got != group.First {
		t.Errorf("job %d runs elsewhere, want %d", got, group.First)
	}
	if worker.HasLease() {
		t.Error("a worker that reaches no database takes jobs")
	}
	w.Speak()
	if got := receive(t, "interruption", causes); got != session.ErrTaken { //nolint:errorlint // a cause is itself
		t.Errorf("the work was interrupted by %v, want %v", got, session.ErrTaken)
	}
	b.untilTrue("the crash is taken back", "SELECT (metadata->>'crashes')::int = 0 FROM river_job WHERE id = $1", group.First)
	if got := b.state(group.First); got != "running" {
		t.Errorf("the job is %s, want running, elsewhere", got)
	}
}

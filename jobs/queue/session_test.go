package queue

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs/queue/session"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/watch/notify"
)

// sleepingDatabase in the environment makes the test binary a worker on that database, whose tiles do not end, and
// sleepingLease says how long its lease is.
const (
	sleepingDatabase = "MILLRACE_TEST_SLEEPING_DATABASE"
	sleepingLease    = "MILLRACE_TEST_SLEEPING_LEASE"
)

// sleepingWorker begins tiles, and logs when they are interrupted.
func sleepingWorker(databaseURL string) error {
	ctx := context.Background()
	pool, err := database.Open(ctx, database.Config{URL: databaseURL, Conns: 4})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	sleeps := func(ctx context.Context, _ *river.Job[tileArgs]) error {
		<-ctx.Done()
		log.Info("interrupted", "cause", context.Cause(ctx))
		return ctx.Err()
	}
	lease, err := time.ParseDuration(os.Getenv(sleepingLease))
	if err != nil {
		return err
	}
	config := Config{
		Work:  true,
		Tiles: 4,
		Small: 4,
		Lease: lease,
	}
	c, err := New(store.Open(pool, nil, time.Hour), notify.NewSender(pool, log), config, Parts{Workers: workers(sleeps)}, log)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	time.Sleep(waitTimeout) // a parent that is killed leaves no worker behind
	return nil
}

// sleeping starts a sleeping worker, and returns the file that it logs to.
func (b *testBundle) sleeping(lease time.Duration) (worker *exec.Cmd, log string) {
	b.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(b.t.TempDir(), "log"))
	if err != nil {
		b.t.Fatal(err)
	}
	worker = exec.Command(exe)
	worker.Env = append(os.Environ(), sleepingDatabase+"="+testdb.URL(b.store.Pool), sleepingLease+"="+lease.String())
	worker.Stderr = file
	if err := worker.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = worker.Process.Kill()
		_ = worker.Wait()
		_ = file.Close()
	})
	return worker, file.Name()
}

// until waits until a function returns true.
func (b *testBundle) until(what string, f func() bool) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for !f() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("waiting until %s: not within %s", what, waitTimeout)
		}
	}
}

// looking lets a leader look for workers that have ended until the end of the test.
func (b *testBundle) looking(leader *Client) <-chan Rescued {
	b.t.Helper()
	rescued := make(chan Rescued, 100)
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		loop.Every(ctx, session.LookInterval, func(ctx context.Context) {
			jobs, _ := leader.RescueEnded(ctx)
			for _, job := range jobs {
				rescued <- job
			}
		})
	}()
	b.t.Cleanup(func() { cancel(); <-done })
	return rescued
}

// TestKilledWorker: the jobs of a worker that is killed are available long before its lease runs out, in their place in
// line, and count a crash.
func TestKilledWorker(t *testing.T) {
	b := setup(t)
	leader := b.start(Config{Lead: true, Lease: time.Second}, idle)
	worker, _ := b.sleeping(time.Hour)
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	place := query[time.Time](b, "SELECT scheduled_at FROM river_job WHERE id = $1", group.First)
	b.untilTrue("the job runs", "SELECT state = 'running' FROM river_job WHERE id = $1", group.First)
	rescued := b.looking(leader)
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, "job", rescued); got.ID != group.First || got.State != "available" {
		t.Errorf("rescued %+v, want job %d, available", got, group.First)
	}
	if got := b.crashes(group.First); got != 1 {
		t.Errorf("got %d crashes, want 1", got)
	}
	if at := query[time.Time](b, "SELECT scheduled_at FROM river_job WHERE id = $1", group.First); !at.Equal(place) {
		t.Errorf("its place in line is %s, want %s", at, place)
	}
	message := query[string](b, "SELECT errors[1]->>'error' FROM river_job WHERE id = $1", group.First)
	if !strings.Contains(message, "the worker ended while it ran this job (crash 1 of at most 3)") {
		t.Errorf("clients read %q, want that the worker ended", message)
	}
}

// TestFrozenWorker: a worker that is frozen keeps its session, and loses its jobs with its lease. When it goes on it
// stops the work on them.
func TestFrozenWorker(t *testing.T) {
	b := setup(t)
	const lease = 2 * time.Second
	leader := b.start(Config{Lead: true, Lease: lease}, idle)
	worker, log := b.sleeping(lease)
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	b.untilTrue("the job runs", "SELECT state = 'running' FROM river_job WHERE id = $1", group.First)
	ended := b.looking(leader)
	if err := worker.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.until("the lease has run out", func() bool { return len(b.rescue(leader)) == 1 })
	b.exec("UPDATE river_job SET queue = 'elsewhere' WHERE id = $1", group.First)
	select {
	case got := <-ended:
		t.Errorf("the session of a frozen worker has ended: %+v", got)
	default:
	}
	if err := worker.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	b.until("the work is stopped", func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), session.ErrTaken.Error())
	})
	b.untilTrue("the crash is taken back", "SELECT (metadata->>'crashes')::int = 0 FROM river_job WHERE id = $1", group.First)
	if got := b.state(group.First); got == "cancelled" || got == "running" {
		t.Errorf("the job is %s, want that it waits", got)
	}
}

// TestUnheardCancellation: a worker that did not hear that a job is to be cancelled stops it a little later.
func TestUnheardCancellation(t *testing.T) {
	b := setup(t)
	began := make(chan int64, 1)
	worker := b.start(Config{Work: true, Lease: time.Second}, func(ctx context.Context, job *river.Job[tileArgs]) error {
		began <- job.ID
		<-ctx.Done()
		return ctx.Err()
	})
	group := b.enqueue(worker, Tiles, 5, 5, 5)
	worker.Wake(Tiles)
	receive(t, "attempt", began)
	b.exec("UPDATE river_job SET metadata = metadata || jsonb_build_object($1::text, now()) WHERE id = $2",
		cancelMark, group.First)
	b.untilTrue("the job is cancelled", "SELECT state = 'cancelled' FROM river_job WHERE id = $1", group.First)
}

// TestCutConnection: a worker whose connection ends begins another session at once, and loses nothing.
func TestCutConnection(t *testing.T) {
	b := setup(t)
	leader := b.start(Config{
		Lead:  true,
		Lease: time.Second,
		Grace: 10 * time.Second,
	}, idle)
	w, began, release := blocked()
	defer release()
	worker := b.start(Config{Work: true, Lease: time.Hour}, w)
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	worker.Wake(Tiles)
	receive(t, "attempt", began)
	rescued := b.looking(leader)
	const key = "SELECT session_key FROM workers WHERE id = $1"
	before := query[int32](b, key, worker.id)
	b.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid::bigint =
		$2::bigint & x'ffffffff'::bigint`, session.Class, before)
	b.untilTrue("there is another session", "SELECT session_key <> $2 FROM workers WHERE id = $1", worker.id, before)
	b.until("the worker takes jobs again", worker.HasLease)
	if got := len(rescued); got > 0 || b.state(group.First) != "running" {
		t.Errorf("%d jobs were rescued, and the job is %s, want 0 and running", got, b.state(group.First))
	}
}

// TestCutOffWorker: a worker that is cut off for longer takes no jobs, and loses those that it has. When it is back it
// stops the work on them, and has not crashed.
func TestCutOffWorker(t *testing.T) {
	b := setup(t)
	leader := b.start(Config{Lead: true, Lease: time.Second}, idle)
	w, s := b.wired()
	began, causes := make(chan int64, 10), make(chan error, 10)
	config := Config{
		Work:     true,
		Lease:    time.Hour,
		SoftStop: time.Millisecond,
	}
	worker := b.startOf(s, config, func(ctx context.Context, job *river.Job[tileArgs]) error {
		began <- job.ID
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	receive(t, "attempt", began)
	rescued := b.looking(leader)
	w.Shut()
	if got := receive(t, "job", rescued); got.ID != group.First {
		t.Errorf("rescued %+v, want job %d", got, group.First)
	}
	if worker.HasLease() {
		t.Error("a worker without a session takes jobs")
	}
	w.Open()
	if got := receive(t, "interruption", causes); got != session.ErrTaken { //nolint:errorlint // a cause is itself
		t.Errorf("the work was interrupted by %v, want %v", got, session.ErrTaken)
	}
	receive(t, "next attempt", began)
	if got := b.crashes(group.First); got != 0 {
		t.Errorf("got %d crashes of a worker that lives, want 0", got)
	}
}

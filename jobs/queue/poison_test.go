package queue

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch/notify"
)

// poisonedDatabase in the environment makes the test binary a worker on that database, which a tile of number 1 kills.
const poisonedDatabase = "MILLRACE_TEST_POISONED_DATABASE"

// poisonedWorker works until a tile kills the process.
func poisonedWorker(database string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s := store.Open(pool, nil, time.Hour)
	kills := func(_ context.Context, job *river.Job[tileArgs]) error {
		if job.Args.Tile == 1 {
			time.Sleep(200 * time.Millisecond) // its neighbours have begun
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		time.Sleep(500 * time.Millisecond) // as long as a tile takes
		return nil
	}
	config := Config{
		Work:  true,
		Tiles: 4,
		Small: 4,
		Lease: time.Second,
	}
	c, err := New(s, notify.NewSender(pool, log), config, Parts{Workers: workers(kills)}, log)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	time.Sleep(waitTimeout) // a parent that is killed leaves no worker behind
	return nil
}

// TestPoison: a tile kills each worker that begins it, with SIGKILL. It is quarantined; the tiles that ran beside it,
// of its own multiplication and of another one, are not.
func TestPoison(t *testing.T) {
	b := setup(t)
	leader := b.start(Config{Lead: true, Lease: time.Second}, idle)
	poison := b.enqueue(leader, Tiles, fourM, fourK, fourN)
	b.exec("DELETE FROM river_job WHERE args->>'tile' NOT IN ('1', '2') OR id > $1", poison.Last)
	neighbour := b.enqueue(leader, Small, 5, 5, 5)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop.Every(ctx, leader.RescueInterval(), func(ctx context.Context) { _, _ = leader.Rescue(ctx) })
	}()
	defer func() { cancel(); <-ended }()

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	timeout := time.After(waitTimeout)
	left := func() bool {
		return query[bool](b, "SELECT bool_or(finalized_at IS NULL) FROM river_job WHERE kind = 'multiply_tile'")
	}
	for left() {
		worker := exec.Command(exe)
		worker.Env = append(os.Environ(), poisonedDatabase+"="+testdb.URL(b.store.Pool))
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		dead := make(chan struct{})
		go func() {
			defer close(dead)
			_ = worker.Wait()
		}()
		for alive := true; alive; {
			select {
			case <-dead:
				kills++
				alive = false
			case <-timeout:
				_ = worker.Process.Kill()
				t.Fatalf("there are jobs left after %s and %d kills", waitTimeout, kills)
			case <-time.After(50 * time.Millisecond):
				if !left() {
					_ = worker.Process.Kill()
					<-dead
					alive = false
				}
			}
		}
	}
	got := query[string](b, "SELECT state::text FROM river_job WHERE args->>'tile' = '1'")
	if got != "discarded" || kills != MaxCrashes {
		t.Errorf("the tile that kills is %s after %d kills, want discarded after %d", got, kills, MaxCrashes)
	}
	completed := query[int](b, "SELECT count(*)::int FROM river_job WHERE kind = 'multiply_tile' AND state = 'completed'")
	if completed != 2 {
		t.Errorf("%d neighbours are completed, want 2", completed)
	}
	if got := b.state(neighbour.First); got != "completed" {
		t.Errorf("the neighbour of another multiplication is %s, want completed", got)
	}
}

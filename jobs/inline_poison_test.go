package jobs_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// poisonedDatabase in the environment makes the test binary a worker on that database, whose kernel kills it when it
// comes to a matrix that begins with poison.
const poisonedDatabase = "MILLRACE_TEST_POISONED_DATABASE"

const poison = 666

// deadlyKernel kills its process.
type deadlyKernel struct{ blas.Kernel }

// Dgemm implements blas.Kernel.
func (d deadlyKernel) Dgemm(
	m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool,
) {
	if a[0] == poison {
		time.Sleep(100 * time.Millisecond) // its neighbours in the process have begun
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(waitTimeout) // the signal arrives
	}
	d.Kernel.Dgemm(m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// poisonedWorker works until its kernel kills it.
func poisonedWorker(database string) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return err
	}
	kernel, err := blas.Open("builtin")
	if err != nil {
		return err
	}
	config := queue.Config{
		Work:  true,
		Tiles: 2,
		Small: 4,
		Lease: time.Second,
	}
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	c, err := jobs.NewClient(s, tile.NewEngine(deadlyKernel{kernel}), config, log)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	time.Sleep(waitTimeout) // a parent that is killed leaves no worker behind
	return nil
}

// TestInlinePoison: a multiplication whose computation kills the process harms none of its bundle: each gets a job of its
// own, and the one that kills is quarantined as any other tile that does.
func TestInlinePoison(t *testing.T) {
	b := setup(t)
	leader := b.client(queue.Config{Lead: true, Lease: time.Second})
	if err := leader.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	neighbours := b.accept(leader, b.offer(leader, 2, 2, 2, 1), b.offer(leader, 2, 2, 2, poison), b.offer(leader, 3, 2, 3, 3),
		b.offer(leader, 1, 1, 1, 4))
	b.wantCounts(bundles, 1)
	poisoned := neighbours[1]
	neighbours = append(neighbours[:1], neighbours[2:]...)
	neighbours = append(neighbours, b.submit(leader, 5, 5, 5))
	kills := b.workUntil(func() bool { return b.count(pendingRows) == 0 && b.allFinal(append(neighbours, poisoned)) })
	if kills > 1+queue.MaxCrashes {
		t.Errorf("%d workers were killed, want at most one by the bundle and %d by the job of its own", kills, queue.MaxCrashes)
	}
	m := b.ends(poisoned, jobs.Failed)
	if want := "tile 0 crashed its worker 3 times and is quarantined"; !strings.Contains(m.Failure, want) {
		t.Errorf("the failure is %q, want one with %q", m.Failure, want)
	}
	if n := b.count("SELECT count(*) FROM river_job WHERE kind = 'multiply_tile' AND state = 'discarded'"); n != 1 {
		t.Errorf("%d jobs are quarantined, want 1", n)
	}
	for _, id := range neighbours {
		b.ends(id, jobs.Completed)
		b.expectResult(id)
	}
}

func (b *testBundle) allFinal(ids []uuid.UUID) bool {
	b.t.Helper()
	found, err := b.observer.GetAll(b.t.Context(), identity.Of(identity.DefaultTenant, ids...))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range found {
		if !m.State.Final() {
			return false
		}
	}
	return len(found) == len(ids)
}

// workUntil has poisoned workers work, one after the other, and returns how many were killed until done returns true.
func (b *testBundle) workUntil(done func() bool) (kills int) {
	b.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	timeout := time.After(waitTimeout)
	for !done() {
		worker := exec.Command(exe)
		worker.Env = append(os.Environ(), poisonedDatabase+"="+testdb.URL(b.store.Pool))
		if err := worker.Start(); err != nil {
			b.t.Fatal(err)
		}
		dead := make(chan struct{})
		go func() {
			defer close(dead)
			_ = worker.Wait()
		}()
		kills += b.watchUntil(done, dead, timeout)
		_ = worker.Process.Kill()
		<-dead
	}
	return kills
}

// watchUntil returns 1 when the worker has died, and 0 when done returns true.
func (b *testBundle) watchUntil(done func() bool, dead <-chan struct{}, timeout <-chan time.Time) int {
	b.t.Helper()
	for !done() {
		select {
		case <-dead:
			return 1
		case <-timeout:
			b.t.Fatalf("not done after %s", waitTimeout)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return 0
}

// TestInlineDiscarded: the multiplications of a bundle that workers have tried which do not know its kind, those of the
// version before, until it had no attempts left, are computed by jobs of their own.
func TestInlineDiscarded(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	ids := b.accept(c, b.offer(c, 3, 3, 3, 1), b.offer(c, 3, 3, 3, 2))
	b.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now(), attempt = max_attempts,
		errors = ARRAY['{"at": "2026-01-01T00:00:00Z", "attempt": 10, "error": "job kind is not registered"}'::jsonb]
		WHERE kind = 'multiply_inline'`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.ends(id, jobs.Completed)
		b.expectResult(id)
	}
	b.wantCounts(ordinaryRows, 2)
}

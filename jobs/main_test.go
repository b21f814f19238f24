package jobs_test

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

func TestMain(m *testing.M) {
	if database := os.Getenv(poisonedDatabase); database != "" {
		if err := poisonedWorker(database); err != nil {
			panic(err)
		}
		return
	}
	testdb.Main(m)
}

// testBundle is a store on a database of its own and what a test needs to run clients on it.
type testBundle struct {
	t        *testing.T
	store    *store.Store
	watch    *store.Store // the same, with connections of its own for what the test looks at
	observer *jobs.Client // reads by those connections
	kernel   *faultyKernel
}

// watcher is the application_name of the test's own connections.
const watcher = "watcher"

// waitTimeout bounds a wait that should end long before.
const waitTimeout = 60 * time.Second

func setup(t *testing.T) *testBundle {
	t.Helper()
	t.Parallel()
	files, err := blocks.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pool := testdb.New(t)
	config := pool.Config()
	config.ConnConfig.RuntimeParams["application_name"] = watcher
	watch, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(watch.Close)
	b := &testBundle{
		t:      t,
		store:  store.Open(pool, files, time.Hour),
		watch:  store.Open(watch, files, time.Hour),
		kernel: newFaultyKernel(blas.Builtin()),
	}
	b.observer = b.clientOn(b.watch, queue.Config{})
	return b
}

// client returns a client that is not started; it is stopped at the end of the test.
func (b *testBundle) client(config queue.Config) *jobs.Client {
	b.t.Helper()
	return b.clientOn(b.store, config)
}

func (b *testBundle) clientOn(s *store.Store, config queue.Config) *jobs.Client {
	b.t.Helper()
	config.Tiles = cmp.Or(config.Tiles, 2)
	config.Small = cmp.Or(config.Small, 2)
	config.SoftStop = cmp.Or(config.SoftStop, 10*time.Second)
	c, err := jobs.NewClient(s, tile.NewEngine(b.kernel), config, slog.New(slog.NewTextHandler(b.t.Output(), nil)))
	if err != nil {
		b.t.Fatal(err)
	}
	kernel := b.kernel
	b.t.Cleanup(func() {
		kernel.release() // in a test that has failed before it did: Stop waits for tiles
		c.Stop()
	})
	return c
}

// start returns a client that works and leads.
func (b *testBundle) start() *jobs.Client {
	b.t.Helper()
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// stop begins to stop a client, and returns a channel that is closed when it has stopped.
func stop(c *jobs.Client) <-chan struct{} {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.Stop()
	}()
	return stopped
}

// submit submits the multiplication of two random matrices, m×k and k×n.
func (b *testBundle) submit(c *jobs.Client, m, k, n int64) uuid.UUID {
	b.t.Helper()
	accepted, err := b.trySubmit(c, jobs.Submission{
		A:        random(m, k, 1),
		B:        random(k, n, 2),
		Priority: jobs.DefaultPriority,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return accepted.ID
}

// random returns a random operand that is not in the store yet.
func random(rows, cols int64, seed uint64) jobs.Operand {
	return jobs.Operand{Matrix: store.NewRandom(float64s(rows, cols), seed)}
}

func float64s(rows, cols int64) matrix.Shape {
	return matrix.Shape{
		Rows:  rows,
		Cols:  cols,
		DType: matrix.Float64,
	}
}

// trySubmit calls SubmitTx in a transaction of its own, as the others below do with their methods.
func (b *testBundle) trySubmit(c *jobs.Client, s jobs.Submission) (m jobs.Multiplication, err error) {
	err = b.store.InTx(b.t.Context(), func(tx *store.Tx) error {
		m, err = c.SubmitTx(b.t.Context(), tx.For(identity.DefaultTenant), s)
		return err
	})
	return m, err
}

func (b *testBundle) cancel(c *jobs.Client, id uuid.UUID) error {
	return b.store.For(identity.DefaultTenant).InTx(b.t.Context(), func(tx *store.TenantTx) error { return c.CancelTx(b.t.Context(), tx, id) })
}

func (b *testBundle) delete(c *jobs.Client, id uuid.UUID) error {
	return b.store.For(identity.DefaultTenant).InTx(b.t.Context(), func(tx *store.TenantTx) error { return c.DeleteTx(b.t.Context(), tx, id) })
}

func (b *testBundle) retry(c *jobs.Client, id uuid.UUID) error {
	return b.store.For(identity.DefaultTenant).InTx(b.t.Context(), func(tx *store.TenantTx) error { return c.RetryTx(b.t.Context(), tx, id) })
}

// fourM, fourK and fourN are the shape of a cheap multiplication of four tiles.
const (
	fourM = 2600
	fourK = 2
	fourN = 2100
)

// upload stores a matrix large enough to be in blocks, all ones.
func (b *testBundle) upload(rows, cols int64) store.Matrix {
	b.t.Helper()
	u := b.store.For(identity.DefaultTenant).NewUpload(b.t.Context(), float64s(rows, cols), false, store.FromUpload)
	ones := make([]float64, rows*cols)
	for i := range ones {
		ones[i] = 1
	}
	if _, err := u.Write(matrix.AsBytes(ones)); err != nil {
		b.t.Fatal(err)
	}
	if _, err := u.Close(); err != nil {
		b.t.Fatal(err)
	}
	var m store.Matrix
	err := b.store.InTx(b.t.Context(), func(tx *store.Tx) (err error) {
		m, err = u.FinishTx(b.t.Context(), tx)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// until waits for a condition on a multiplication.
func (b *testBundle) until(id uuid.UUID, what string, condition func(jobs.Multiplication) bool) jobs.Multiplication {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), waitTimeout)
	defer cancel()
	for {
		m, err := b.observer.Get(ctx, identity.DefaultTenant, id)
		if err != nil {
			b.t.Fatalf("waiting until it is %s: %v", what, err)
		}
		if condition(m) {
			return m
		}
		if m.State.Final() {
			b.t.Fatalf("waiting until it is %s: it is %s, %+v", what, m.State, m.Errors)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("it is never %s: %+v", what, m)
		}
	}
}

// ends waits for an outcome.
func (b *testBundle) ends(id uuid.UUID, state jobs.State) jobs.Multiplication {
	b.t.Helper()
	return b.until(id, string(state), func(m jobs.Multiplication) bool { return m.State == state })
}

// untilCount waits until a query counts n.
func (b *testBundle) untilCount(n int64, sql string, args ...any) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for {
		got := b.count(sql, args...)
		if got == n {
			return
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("got %d after %s, want %d: %s", got, waitTimeout, n, sql)
		}
	}
}

// untilJobsEnd waits until no job of a multiplication is to be worked any more.
func (b *testBundle) untilJobsEnd(id uuid.UUID) {
	b.t.Helper()
	const active = "SELECT count(*) FROM river_job WHERE finalized_at IS NULL AND args->>'multiplication_id' = $1"
	b.untilCount(0, active, id.String())
}

func (b *testBundle) exec(sql string, args ...any) int64 {
	b.t.Helper()
	tag, err := b.watch.Pool.Exec(b.t.Context(), sql, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	return tag.RowsAffected()
}

func (b *testBundle) count(sql string, args ...any) int64 {
	b.t.Helper()
	var n int64
	if err := b.watch.Pool.QueryRow(b.t.Context(), sql, args...).Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

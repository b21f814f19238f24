package jobs_test

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// testBundle is a store on a database of its own and what a test needs to run clients on it.
type testBundle struct {
	t      *testing.T
	store  *store.Store
	watch  *store.Store // the same, with connections of its own for what the test looks at
	kernel *faultyKernel
}

// watcher is the application_name of the test's own connections.
const watcher = "watcher"

func setup(t *testing.T) *testBundle {
	t.Helper()
	t.Parallel()
	blocks, err := store.NewFileBlocks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := blas.Open("")
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
	return &testBundle{
		t: t, store: store.Open(pool, blocks, time.Hour), watch: store.Open(watch, blocks, time.Hour),
		kernel: &faultyKernel{Kernel: kernel},
	}
}

// client returns a client that is not started; it is stopped at the end of the test.
func (b *testBundle) client(config jobs.Config) *jobs.Client {
	b.t.Helper()
	config.Tiles, config.Small = cmp.Or(config.Tiles, 2), cmp.Or(config.Small, 2)
	if config.SoftStop == 0 {
		config.SoftStop = 10 * time.Second
	}
	c, err := jobs.NewClient(b.store, tile.NewEngine(b.kernel), config, slog.New(slog.NewTextHandler(b.t.Output(), nil)))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Stop)
	return c
}

// start returns a client that works and leads.
func (b *testBundle) start() *jobs.Client {
	b.t.Helper()
	c := b.client(jobs.Config{Work: true, Lead: true, Lease: time.Second})
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// submit queues the product of two random matrices, m×k and k×n.
func (b *testBundle) submit(c *jobs.Client, m, k, n int64) uuid.UUID {
	b.t.Helper()
	status, err := c.Submit(b.t.Context(), jobs.Submission{
		A:        jobs.Operand{Matrix: store.NewRandom(matrix.Shape{Rows: m, Cols: k, DType: matrix.Float64}, 1)},
		B:        jobs.Operand{Matrix: store.NewRandom(matrix.Shape{Rows: k, Cols: n, DType: matrix.Float64}, 2)},
		Priority: jobs.DefaultPriority,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return status.Multiplication.ID
}

// fourTiles is the shape of a cheap product of four tiles.
const (
	fourM, fourK, fourN = 2600, 2, 2100
)

// upload stores a matrix large enough to be in blocks, all ones.
func (b *testBundle) upload(rows, cols int64) store.Matrix {
	b.t.Helper()
	u := b.store.NewUpload(b.t.Context(), matrix.Shape{Rows: rows, Cols: cols, DType: matrix.Float64}, false, store.FromUpload)
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
	err := b.store.InTx(b.t.Context(), func(_ pgx.Tx, q *store.Queries) (err error) {
		m, err = u.FinishTx(b.t.Context(), q)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// patience bounds a wait that should end long before.
const patience = 60 * time.Second

// until waits for a condition on a product's status.
func (b *testBundle) until(id uuid.UUID, what string, condition func(store.Status) bool) store.Status {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	for {
		status, err := b.watch.Status(ctx, id)
		if err != nil {
			b.t.Fatalf("waiting until it is %s: %v", what, err)
		}
		if condition(status) {
			return status
		}
		if status.Multiplication.State.Final() {
			b.t.Fatalf("waiting until it is %s: it is %s, %+v", what, status.Multiplication.State, status.Errors)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatalf("it is never %s: %+v", what, status)
		}
	}
}

// ends waits for an outcome.
func (b *testBundle) ends(id uuid.UUID, state store.State) store.Status {
	b.t.Helper()
	return b.until(id, string(state), func(s store.Status) bool { return s.Multiplication.State == state })
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

// faultyKernel is a real kernel whose results can be spoilt, and whose work can be held up.
type faultyKernel struct {
	blas.Kernel
	corrupt atomic.Int64                  // how many of the next calls return a wrong element
	calls   atomic.Int64                  // how many calls there were
	hold    atomic.Pointer[chan struct{}] // calls wait until it is closed
}

// Dgemm implements blas.Kernel.
func (f *faultyKernel) Dgemm(m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool) {
	f.calls.Add(1)
	if gate := f.hold.Load(); gate != nil {
		<-*gate
	}
	f.Kernel.Dgemm(m, n, k, a, lda, b, ldb, c, ldc, accumulate)
	if f.corrupt.Add(-1) >= 0 {
		c[0]++
	}
}

// block makes all calls wait until the returned function is called.
func (f *faultyKernel) block(t *testing.T) (release func()) {
	gate := make(chan struct{})
	f.hold.Store(&gate)
	released := false
	release = func() {
		if !released {
			released = true
			f.hold.Store(nil)
			close(gate)
		}
	}
	t.Cleanup(release)
	return release
}

// waitForCalls returns when n calls have begun.
func (f *faultyKernel) waitForCalls(t *testing.T, n int64) {
	t.Helper()
	for deadline := time.Now().Add(patience); f.calls.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls have begun, not %d", f.calls.Load(), n)
		}
	}
}

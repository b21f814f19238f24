// Package testdb gives each test a database of its own on a real Postgres. The tests of a package share one private
// server, which starts with the first test that asks for a database and ends after the last one:
//
//	func TestMain(m *testing.M) { testdb.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := testdb.New(t)
//		…
//	}
package testdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/millrace/millrace/internal/devdb"
)

const (
	startTimeout = 2 * time.Minute
	testTimeout  = time.Minute

	// maxConns leaves room for many parallel tests below the server's max_connections of 200.
	maxConns = 10
)

// current is the server of this process while Main runs, else nil.
var current *server

// Main runs the tests of a package, stops the server, checks that no goroutine is left, and exits.
func Main(m *testing.M) {
	// net/http waits for half a second before it closes a connection whose client sends more than is read: goleak is less
	// patient.
	ignored := goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")
	goleak.VerifyTestMain(withServer{m: m, ignored: ignored}, ignored)
}

// endTimeout is how long goroutines may take to end after the tests: a client of River that was stopped in the middle
// of something that fails tries it once more, after a pause.
const endTimeout = 20 * time.Second

// withServer stops the server before goleak looks for goroutines.
type withServer struct {
	m       *testing.M
	ignored goleak.Option
}

func (w withServer) Run() int {
	current = &server{}
	code := w.m.Run()
	if err := current.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
		code = max(code, 1)
	}
	for end := time.Now().Add(endTimeout); goleak.Find(w.ignored) != nil && time.Now().Before(end); {
	}
	return code
}

// New returns a pool on a new database with the schema of all migrations, which is dropped at the end of the test. If
// no Postgres is installed, New skips the test; with CI=true in the environment, the test fails.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, (*server).createMigrated)
}

// NewEmpty is New without the migrations.
func NewEmpty(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, (*server).createEmpty)
}

// Traced returns another pool on the database of a pool, whose statements a tracer sees.
func Traced(t testing.TB, pool *pgxpool.Pool, tracer pgx.QueryTracer) *pgxpool.Pool {
	t.Helper()
	config := pool.Config()
	config.ConnConfig.Tracer = tracer
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() { closePool(t, traced) })
	return traced
}

// URL returns the connection string of the database of a pool, for tests that start processes on it.
func URL(pool *pgxpool.Pool) string { return pool.Config().ConnString() }

func open(t testing.TB, create func(*server, context.Context) (string, error)) *pgxpool.Pool {
	t.Helper()
	if current == nil {
		t.Fatal("testdb: this package needs a func TestMain(m *testing.M) { testdb.Main(m) }")
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	name, err := create(current, ctx)
	if errors.Is(err, devdb.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("testdb: %v", err)
	}
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		// t.Context() is cancelled by now.
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		if err := current.drop(ctx, name); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	pool, err := current.connect(t.Context(), name)
	if err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() { closePool(t, pool) })
	return pool
}

// closePool closes the pool. A connection that the test has not released fails the test after testTimeout.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(testTimeout):
		t.Errorf("testdb: the test still holds %d connections", pool.Stat().AcquiredConns())
	}
}

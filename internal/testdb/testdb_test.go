package testdb_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
)

var serve = flag.Bool("serve", false, "runs a server for other processes until the input ends, and prints its address")

func TestMain(m *testing.M) { testdb.Main(m) }

func TestNewIsMigratedAndIsolated(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			pool := testdb.New(t)
			if _, err := pool.Exec(t.Context(), "CREATE TABLE mine (x int)"); err != nil {
				t.Fatalf("creating a table that other tests create too: %v, want a database of its own", err)
			}
			if !hasTable(t, pool, "river_job") {
				t.Error("New() has no table river_job, want the schema of all migrations")
			}
		})
	}
}

// TestServe runs a server that other test processes share, as testdb.Shared says.
func TestServe(t *testing.T) {
	if !*serve {
		t.Skip("a server runs only with -serve")
	}
	fmt.Println(testdb.URL(testdb.New(t)))
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Error(err)
	}
}

// TestShared: a process that is told of a server uses it, with databases of its own.
func TestShared(t *testing.T) {
	if os.Getenv(testdb.Shared) != "" {
		t.Skip("this process uses a shared server")
	}
	pool := testdb.New(t)
	const tests = "-test.run=^(TestNewIsMigratedAndIsolated|TestNewEmpty)$"
	cmd := exec.Command(os.Args[0], tests)
	cmd.Env = append(os.Environ(), testdb.Shared+"="+testdb.URL(pool))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	nothing := exec.Command(os.Args[0], tests)
	nothing.Env = append(os.Environ(), testdb.Shared+"=postgres://127.0.0.1:1/nothing")
	if nothing.Run() == nil {
		t.Error("the tests pass with a server that is not there")
	}
	pids := fmt.Sprintf("test_%d_%%", cmd.Process.Pid)
	var left int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname LIKE $1", pids).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left > 0 {
		t.Errorf("%d databases of the other process are left", left)
	}
}

func TestNewEmpty(t *testing.T) {
	t.Parallel()
	pool := testdb.NewEmpty(t)
	if hasTable(t, pool, "river_job") {
		t.Error("NewEmpty() has a table river_job, want no tables")
	}
}

func TestURLReachesTheSameDatabase(t *testing.T) {
	t.Parallel()
	pool := testdb.NewEmpty(t)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE mine (x int)"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), testdb.URL(pool))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "INSERT INTO mine VALUES (1)"); err != nil {
		t.Error(err)
	}
}

func hasTable(t *testing.T, pool *pgxpool.Pool, name string) bool {
	t.Helper()
	var exists bool
	if err := pool.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", name).Scan(&exists); err != nil {
		t.Fatal(err)
	}
	return exists
}

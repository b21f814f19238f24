package testdb_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
)

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

package migrations_test

import (
	"context"
	"io/fs"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store/database"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// concurrently is a migration that no transaction may contain, and that waits for the end of all others' snapshots.
// What it leaves when it is interrupted is no use; it begins with deleting that.
const concurrently = `-- +goose NO TRANSACTION
-- +goose Up
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS later;
CREATE INDEX CONCURRENTLY later ON multiplications (priority);
RESET lock_timeout;
-- +goose Down
DROP INDEX later;
`

// TestConcurrentIndex: a caller that waits for another one does not keep its CREATE INDEX CONCURRENTLY waiting in turn.
func TestConcurrentIndex(t *testing.T) {
	t.Parallel()
	pool := testdb.NewEmpty(t)
	if err := migrations.Up(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	all := fstest.MapFS{"99999_later.sql": {Data: []byte(concurrently)}}
	names, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := migrations.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: text}
	}
	writer, err := pool.Begin(t.Context()) // for whose end the index waits
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec(t.Context(), "LOCK TABLE multiplications IN ROW EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results := make(chan error, 2)
	address, err := url.Parse(testdb.URL(pool))
	if err != nil {
		t.Fatal(err)
	}
	caller := func(name string) {
		own := *address
		query := own.Query()
		query.Set("application_name", name)
		own.RawQuery = query.Encode()
		pool, err := database.Open(ctx, database.Config{
			URL:       own.String(),
			Conns:     2,
			Migration: true,
		})
		if err == nil {
			defer pool.Close()
			err = migrations.UpFrom(ctx, pool, all)
		}
		results <- err
	}
	sessions := func(condition string) func() bool {
		return func() (found bool) {
			err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND `+condition+")").Scan(&found)
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
	}
	go caller("first")
	until(t, sessions("query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"))
	go caller("second")
	until(t, sessions("application_name = 'second' AND (wait_event_type = 'Lock' OR query = 'rollback')"))
	if err := writer.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("a caller ended with %v, want success", err)
		}
	}
}

// until waits until a condition holds.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		time.Sleep(10 * time.Millisecond) // what a session waits for sends no signal
	}
}

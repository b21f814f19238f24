package database_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
)

// TestDeadlock: a statement that Postgres has ended because of a deadlock, with a migration perhaps, may succeed later.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	pool := open(t, database.Config{URL: testdb.URL(testdb.NewEmpty(t)), Conns: 2})
	first, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const lock = "SELECT pg_advisory_xact_lock($1)"
	for i, tx := range []pgx.Tx{first, second} {
		if _, err := tx.Exec(t.Context(), lock, i); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() {
		_, err := second.Exec(t.Context(), lock, 0)
		ended <- errors.Join(err, second.Rollback(t.Context()))
	}()
	_, err = first.Exec(t.Context(), lock, 1)
	err = errors.Join(err, first.Rollback(t.Context()), <-ended)
	if !store.Unavailable(err) {
		t.Errorf("a deadlock: %v, want that the database is unavailable", err)
	}
}

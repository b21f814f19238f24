package database_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
)

// TestReadOnly: a server that takes no writes is unavailable, and its connections are not kept.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	pool := open(t, database.Config{URL: testdb.URL(testdb.NewEmpty(t)), Conns: 1})
	if err := database.CheckWritable(t.Context(), pool); err != nil {
		t.Errorf("CheckWritable() = %v, want nil", err)
	}
	if _, err := pool.Exec(t.Context(), "CREATE TABLE t (x int); SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	if err := database.CheckWritable(t.Context(), pool); !errors.Is(err, database.ErrReadOnly) {
		t.Errorf("CheckWritable() of a read-only session = %v, want %v", err, database.ErrReadOnly)
	}
	if _, err := pool.Exec(t.Context(), "INSERT INTO t VALUES (1)"); !store.Unavailable(err) {
		t.Errorf("a write to a read-only session: %v, want that the database is unavailable", err)
	}
	if _, err := pool.Exec(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Errorf("the next write: %v, want nil, on another connection", err)
	}
}

// TestPermanent: what is wrong for good, as Postgres says it, and what passes.
func TestPermanent(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	ping := func(databaseURL string) error {
		pool, err := database.Open(t.Context(), database.Config{URL: databaseURL})
		if err != nil {
			return err
		}
		defer pool.Close()
		return pool.Ping(t.Context())
	}
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"no address", ping(""), true},
		{"no connection string", ping("postgres://%"), true},
		{"unknown database", ping(strings.Replace(databaseURL, "/"+config.Database, "/nope", 1)), true},
		{"unknown role", ping(strings.Replace(databaseURL, config.User, "nope", 1)), true},
		{"unknown parameter", ping(withParameter(t, databaseURL, "nope", "1")), true},
		{"no TLS", ping(withParameter(t, databaseURL, "sslmode", "require")), config.Host[0] != '/'},
		{"no server", ping("postgres://127.0.0.1:1/x"), false},
		{"no such name", ping("postgres://nope.invalid/x"), false},
		{"no directory", ping("postgres:///x?host=/nope"), false},
		{"recovering", fmt.Errorf("connecting: %w", &pgconn.PgError{Code: "57P03"}), false},
		{"too many clients", &pgconn.PgError{Code: "53300"}, false},
		{"success", nil, false},
	} {
		if got := database.Permanent(test.err); got != test.want {
			t.Errorf("%s: Permanent(%v) = %t, want %t", test.name, test.err, got, test.want)
		}
	}
}

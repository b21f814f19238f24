package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/store"
)

// TestConnectionReset: a connection that is reset in the middle of a query, as by a database that crashes, says that
// the database is unavailable.
func TestConnectionReset(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	conn, err := pgx.Connect(t.Context(), w.URL(databaseURL))
	if err != nil {
		t.Fatal(err)
	}
	// The first rows tell that the query runs; then the connection is reset.
	const sql = "SELECT repeat('x', 100000) FROM generate_series(1, 9) UNION ALL SELECT pg_sleep(3600)::text"
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	w.Break()
	for rows.Next() {
	}
	if err := rows.Err(); !store.Unavailable(err) {
		t.Errorf("Err() = %v, want that the database is unavailable", err)
	}
}

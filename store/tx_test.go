package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/millrace/millrace/store"
)

// called collects the names of the functions that a transaction has called after its commit.
type called []string

// after has a name added to the calls after the commit.
func (c *called) after(tx *store.Tx, name string) { tx.AfterCommit(func() { *c = append(*c, name) }) }

// withTable returns a store with a table whose constraint is checked by the commit.
func withTable(t *testing.T) *store.Store {
	t.Helper()
	s := open(t)
	const sql = "CREATE TABLE mine (id int PRIMARY KEY, next int REFERENCES mine DEFERRABLE INITIALLY DEFERRED)"
	if _, err := s.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	return s
}

// insert writes a row that refers to a row next.
func insert(ctx context.Context, tx *store.Tx, id, next int) error {
	_, err := tx.Pgx().Exec(ctx, "INSERT INTO mine VALUES ($1, $2)", id, next)
	return err
}

func countRows(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	if err := s.Pool.QueryRow(t.Context(), "SELECT count(*) FROM mine").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAfterCommit(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	var calls called
	var seen int
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		calls.after(tx, "first")
		if err := insert(t.Context(), tx, 1, 1); err != nil {
			return err
		}
		calls.after(tx, "second")
		tx.AfterCommit(func() { seen = countRows(t, s) })
		calls.after(tx, "third")
		if len(calls) > 0 {
			t.Errorf("before the commit: got the calls %q, want none", calls)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"first", "second", "third"}; !slices.Equal(calls, want) {
		t.Errorf("got the calls %q, want %q", calls, want)
	}
	if seen != 1 {
		t.Errorf("a function sees %d rows, want 1: the transaction has been committed", seen)
	}
}

func TestAfterRollback(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	var calls called
	failed := errors.New("failed")
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		calls.after(tx, "first")
		if err := insert(t.Context(), tx, 1, 1); err != nil {
			return err
		}
		return failed
	})
	if n := countRows(t, s); !errors.Is(err, failed) || len(calls) > 0 || n != 0 {
		t.Errorf("InTx() = %v, calls %q, leaves %d rows, want %v, no calls and 0", err, calls, n, failed)
	}
}

// TestAfterFailedCommit: Postgres refuses the commit.
func TestAfterFailedCommit(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	var calls called
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		calls.after(tx, "first")
		return insert(t.Context(), tx, 1, 2)
	})
	if n := countRows(t, s); err == nil || len(calls) > 0 || n != 0 {
		t.Errorf("InTx() = %v, calls %q, leaves %d rows, want an error, no calls and 0", err, calls, n)
	}
}

// TestAfterLostCommit: the connection is lost before the commit, whose outcome is not known then.
func TestAfterLostCommit(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	var calls called
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		calls.after(tx, "first")
		if err := insert(t.Context(), tx, 1, 1); err != nil {
			return err
		}
		_, err := s.Pool.Exec(t.Context(), "SELECT pg_terminate_backend($1, 60_000)", tx.Pgx().Conn().PgConn().PID())
		return err
	})
	if n := countRows(t, s); err == nil || len(calls) > 0 || n != 0 {
		t.Errorf("InTx() = %v, calls %q, leaves %d rows, want an error, no calls and 0", err, calls, n)
	}
}

// TestAfterFailedStatement: the commit of a transaction in which a statement has failed rolls it back.
func TestAfterFailedStatement(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	var calls called
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		calls.after(tx, "first")
		if err := insert(t.Context(), tx, 1, 1); err != nil {
			return err
		}
		if err := insert(t.Context(), tx, 1, 1); err == nil {
			t.Error("inserting a row twice = nil, want an error")
		}
		return nil
	})
	if n := countRows(t, s); err == nil || len(calls) > 0 || n != 0 {
		t.Errorf("InTx() = %v, calls %q, leaves %d rows, want an error, no calls and 0", err, calls, n)
	}
}

package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// TestDeadlockIsRetried: two transactions that lock two rows in different orders both commit, and what follows the
// commit is called once for each.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	s := withTable(t)
	for id := 1; id <= 2; id++ {
		if _, err := s.Pool.Exec(t.Context(), "INSERT INTO mine VALUES ($1, NULL)", id); err != nil {
			t.Fatal(err)
		}
	}
	has := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	ended := make(chan error, 2)
	calls := [2]called{}
	for i := range has {
		go func() {
			tries := 0
			ended <- s.InTx(t.Context(), func(tx *store.Tx) error {
				tries++
				calls[i].after(tx, "committed")
				for n := range 2 {
					_, err := tx.Pgx().Exec(t.Context(), "SELECT FROM mine WHERE id = $1 FOR UPDATE", 1+(i+n)%2)
					if err != nil {
						return err
					}
					if tries == 1 && n == 0 { // both have locked one row before either goes on
						close(has[i])
						<-has[1-i]
					}
				}
				return nil
			})
		}()
	}
	for range has {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if len(calls[0]) != 1 || len(calls[1]) != 1 {
		t.Errorf("got the calls %q after the commits, want one each", calls)
	}
}

// TestCountingWritesNoIndex: a tile that is neither the first nor the last one is counted in place.
func TestCountingWritesNoIndex(t *testing.T) {
	t.Parallel()
	s := open(t)
	var ids [3]uuid.UUID
	id := store.NewID()
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		for i := range ids {
			m, err := tx.For(identity.DefaultTenant).InsertMatrix(t.Context(), store.NewRandom(matrix.Shape{DType: matrix.Float64}, 1))
			if err != nil {
				return err
			}
			ids[i] = m.ID
		}
		_, err := tx.For(identity.DefaultTenant).InsertMultiplication(t.Context(), store.Multiplication{
			ID:         id,
			A:          ids[0],
			B:          ids[1],
			C:          ids[2],
			Priority:   2,
			State:      "pending",
			DType:      matrix.Float64,
			TilesTotal: 100,
			LastJob:    -1,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			_, _, err := tx.CountTile(t.Context(), id, nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// The first one changes the state, which is indexed.
	var updates, hot int64
	const stats = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'multiplications'"
	for timeout := time.After(30 * time.Second); updates < 20; { // sessions report now and then
		if err := s.Pool.QueryRow(t.Context(), stats).Scan(&updates, &hot); err != nil {
			t.Fatal(err)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-timeout:
			t.Fatalf("got %d updates, want 20", updates)
		}
	}
	if hot < 19 {
		t.Errorf("got %d updates in place of %d, want 19", hot, updates)
	}
}

// TestConflictsEnd: a transaction that always conflicts is given up after five attempts; other errors end it at once.
func TestConflictsEnd(t *testing.T) {
	t.Parallel()
	s := open(t)
	for code, want := range map[string]int{"40P01": 5, "40001": 5, "23505": 1} {
		attempts := 0
		err := s.InTx(t.Context(), func(*store.Tx) error {
			attempts++
			return &pgconn.PgError{Code: code}
		})
		if err == nil || attempts != want {
			t.Errorf("%s: %d attempts, %v, want %d and an error", code, attempts, err, want)
		}
	}
}

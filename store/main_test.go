package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// open returns a store on an empty database, with blocks in a directory.
func open(t testing.TB) *store.Store {
	t.Helper()
	b, err := blocks.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(testdb.New(t), b, time.Hour)
}

// finish ends an upload in a transaction of its own.
func finish(t testing.TB, s *store.Store, u *store.Upload) (m store.Matrix, err error) {
	t.Helper()
	if m, err = u.Close(); err != nil {
		return m, err
	}
	err = s.InTx(t.Context(), func(tx *store.Tx) error {
		m, err = u.FinishTx(t.Context(), tx)
		return err
	})
	if err != nil {
		return m, err
	}
	return m, u.DropCopy()
}

// remove deletes a matrix, and its blocks if they belong to no other.
func remove(t testing.TB, s *store.Store, id uuid.UUID) error {
	t.Helper()
	return s.InTx(t.Context(), func(tx *store.Tx) error {
		m, err := tx.For(identity.DefaultTenant).LockMatrix(t.Context(), id)
		if err != nil {
			return err
		}
		free, err := tx.DeleteMatrix(t.Context(), m)
		if free {
			tx.AfterCommit(func() {
				if err := s.Blocks.Delete(t.Context(), id); err != nil {
					t.Error(err)
				}
			})
		}
		return err
	})
}

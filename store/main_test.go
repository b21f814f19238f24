package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// open returns a store on an empty database, with blocks in a directory.
func open(t testing.TB) *store.Store {
	t.Helper()
	blocks, err := store.NewFileBlocks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(testdb.New(t), blocks, time.Hour)
}

// finish ends an upload whose matrix nothing else comes with.
func finish(t testing.TB, s *store.Store, u *store.Upload) (m store.Matrix, err error) {
	t.Helper()
	if m, err = u.Close(); err != nil {
		return m, err
	}
	err = s.InTx(t.Context(), func(_ pgx.Tx, q *store.Queries) error {
		m, err = u.FinishTx(t.Context(), q)
		return err
	})
	if err != nil {
		return m, err
	}
	return m, u.DropCopy()
}

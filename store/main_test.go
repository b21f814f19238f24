package store_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/devdb/testdb"
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

package installation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/installation"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// openIn returns a store on an empty database with blocks in dir.
func openIn(t *testing.T, dir string) *store.Store {
	t.Helper()
	b, err := blocks.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(testdb.New(t), b, time.Hour)
}

func wantIdentity(t *testing.T, s *store.Store, want error, what string) {
	t.Helper()
	if err := installation.Identify(t.Context(), s); !errors.Is(err, want) {
		t.Errorf("%s: Identify() = %v, want %v", what, err, want)
	}
}

// TestIdentity: a directory belongs to one database.
func TestIdentity(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	s := openIn(t, dir)
	wantIdentity(t, s, nil, "both are new")
	wantIdentity(t, s, nil, "again")
	foreign := openIn(t, dir)
	wantIdentity(t, foreign, installation.ErrIdentity, "another database")
	wantIdentity(t, openIn(t, other), nil, "another installation")
	moved := func(to string) *store.Store {
		b, err := blocks.NewFile(to)
		if err != nil {
			t.Fatal(err)
		}
		return store.Open(s.Pool, b, time.Hour)
	}
	wantIdentity(t, moved(other), installation.ErrIdentity, "the directory of another installation")
	empty := moved(t.TempDir())
	wantIdentity(t, empty, installation.ErrIdentity, "a directory that is not mounted")
	if _, err := installation.Adopt(t.Context(), empty, false); err != nil {
		t.Fatal(err)
	}
	wantIdentity(t, empty, nil, "after Adopt")
	wantIdentity(t, s, nil, "the old directory")
	if _, err := installation.Adopt(t.Context(), foreign, true); err != nil {
		t.Fatal(err)
	}
	wantIdentity(t, foreign, nil, "after the other database has adopted it")
	wantIdentity(t, s, installation.ErrIdentity, "the directory was adopted by another database")
}

// TestIdentityOfOlderInstallations: one that is older than identities gets one, unless its blocks are another's.
func TestIdentityOfOlderInstallations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir)
	upload(t, s)
	wantIdentity(t, openIn(t, dir), installation.ErrIdentity, "blocks of another database")
	wantIdentity(t, s, nil, "its own blocks")
}

// upload stores a matrix that has blocks.
func upload(t *testing.T, s *store.Store) {
	t.Helper()
	shape := matrix.Shape{
		Rows:  100,
		Cols:  100,
		DType: matrix.Float64,
	}
	u := s.For(identity.DefaultTenant).NewUpload(t.Context(), shape, false, store.FromUpload)
	_, err := u.Write(make([]byte, shape.Bytes()))
	if err == nil {
		_, err = u.Close()
	}
	if err == nil {
		err = s.InTx(t.Context(), func(tx *store.Tx) error {
			_, err := u.FinishTx(t.Context(), tx)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestIdentityInPostgres: blocks in the database belong to it.
func TestIdentityInPostgres(t *testing.T) {
	t.Parallel()
	pool := testdb.New(t)
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	wantIdentity(t, s, nil, "new")
	wantIdentity(t, s, nil, "again")
}

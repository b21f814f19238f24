package blocks_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store/blocks"
)

// TestCrash: of the blocks that were written before a crash of Postgres those are there for which Sync has returned nil,
// also when nothing was committed after them: a worker that lives on commits what names them. Sync tells when others
// are gone.
func TestCrash(t *testing.T) {
	pool := durable(t)
	store := blocks.NewPostgres(pool)
	kept := blocks.Block{Matrix: uuid.New(), Size: 2 << 20}
	want := bytes.Repeat([]byte("matrix "), 2<<20/7+1)[:kept.Size]
	if err := store.Put(t.Context(), kept.Matrix, kept.Index, want); err != nil {
		t.Fatal(err)
	}
	if err := store.Sync(t.Context(), kept.Matrix, []int64{kept.Index}); err != nil {
		t.Fatal(err)
	}
	lost := blocks.Block{Matrix: uuid.New(), Size: 1000} // less than what Postgres brings to the disk by itself
	if err := store.Put(t.Context(), lost.Matrix, lost.Index, want[:lost.Size]); err != nil {
		t.Fatal(err)
	}
	crash(t, pool)
	got := make([]byte, kept.Size)
	err := eventually(t, func(ctx context.Context) error { return store.Read(ctx, kept, 0, got) })
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("after the crash: %v, equal: %t, want what was written", err, bytes.Equal(got, want))
	}
	err = eventually(t, func(ctx context.Context) error { return store.Read(ctx, lost, 0, got[:lost.Size]) })
	synced := store.Sync(t.Context(), lost.Matrix, []int64{lost.Index})
	switch {
	case err == nil && synced == nil:
		t.Log("the block that was not synced has survived all the same")
	case !errors.Is(err, blocks.ErrMissing) || !errors.Is(synced, blocks.ErrUnavailable):
		t.Errorf("of the block that was not synced: Read() = %v, Sync() = %v, want both to tell that it is lost", err, synced)
	}
	if err := store.Put(t.Context(), lost.Matrix, lost.Index, want[:lost.Size]); err != nil {
		t.Fatal(err)
	}
	if err := store.Sync(t.Context(), lost.Matrix, []int64{lost.Index}); err != nil {
		t.Errorf("Sync() of a block that was written again = %v", err)
	}
}

// TestSyncOfLostBlocks: Sync looks for each block.
func TestSyncOfLostBlocks(t *testing.T) {
	t.Parallel()
	files, err := blocks.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]blocks.Store{"postgres": blocks.NewPostgres(testdb.New(t)), "file": files} {
		id := uuid.New()
		for _, index := range []int64{0, 1, 3} {
			if err := store.Put(t.Context(), id, index, []byte("block")); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Sync(t.Context(), id, []int64{0, 1, 2, 3}); !errors.Is(err, blocks.ErrUnavailable) {
			t.Errorf("%s: Sync() of four blocks, three of which are there = %v, want %v", name, err, blocks.ErrUnavailable)
		}
		if err := store.Sync(t.Context(), id, []int64{0, 1, 3}); err != nil {
			t.Errorf("%s: Sync() of those that are there = %v", name, err)
		}
	}
}

// TestLeftover: a block whose file a crash of the machine has left short, long or changed is written again.
func TestLeftover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := blocks.NewFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := blocks.Block{Matrix: uuid.New(), Size: 300_000}
	want := bytes.Repeat([]byte("block "), 50_000)
	for name, left := range map[string][]byte{
		"nothing": {},
		"a part":  want[:100_000],
		"zeros":   make([]byte, 300_100),
	} {
		if err := store.Put(t.Context(), b.Matrix, b.Index, want); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, b.Matrix.String(), "0")
		if err := os.WriteFile(path, left, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(t.Context(), b.Matrix, b.Index, want); err != nil {
			t.Errorf("%s is left: %v", name, err)
		}
		got := make([]byte, b.Size)
		if err := store.Read(t.Context(), b, 0, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is left: Read() = %v, or not what was written", name, err)
		}
	}
}

// durable starts a Postgres that survives crashes, but does not hurry to bring to the disk what need not be there.
func durable(t *testing.T) *pgxpool.Pool {
	t.Helper()
	server, err := devdb.Start(t.Context(), devdb.Config{NoDownload: true})
	if errors.Is(err, devdb.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	pool, err := pgxpool.New(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := migrations.Up(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()"} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// eventually calls f until Postgres responds to it.
func eventually(t *testing.T, f func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, blocks.ErrMissing) {
			return err
		}
		time.Sleep(10 * time.Millisecond) // while Postgres recovers
	}
}

// crash kills a session of Postgres, which then ends all others, forgets what is not in its log on the disk, and recovers.
// It returns when the others have ended.
func crash(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	other, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	var victim int
	if err := pool.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&victim); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_sleep(60)"); err == nil {
		t.Fatal("Postgres has not ended its sessions within a minute")
	}
}

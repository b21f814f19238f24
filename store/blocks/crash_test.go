package blocks_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store/blocks"
)

// TestCrash: a block that was written is there after a crash of Postgres, also when nothing was committed after it: a
// worker that lives on commits what names it.
func TestCrash(t *testing.T) {
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
	store := blocks.NewPostgres(pool)
	b := blocks.Block{Matrix: uuid.New(), Size: 2 << 20}
	want := bytes.Repeat([]byte("matrix "), 2<<20/7+1)[:b.Size]
	if err := store.Put(t.Context(), b.Matrix, b.Index, want); err != nil {
		t.Fatal(err)
	}
	crash(t, pool)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := make([]byte, b.Size)
	for {
		err = store.Read(ctx, b, 0, got)
		if err == nil || ctx.Err() != nil || errors.Is(err, blocks.ErrMissing) {
			break
		}
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("after the crash: %v, equal: %t, want what was written", err, bytes.Equal(got, want))
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

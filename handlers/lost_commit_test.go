package handlers_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// commitDone is what Postgres responds to a commit.
var commitDone = []byte("COMMIT\x00")

// TestLostCommit: what was committed stays although the connection broke before the result was received. A request
// with a key gets the usual response.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	databaseURL := testdb.URL(b.store.Pool)
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	pool, err := pgxpool.New(t.Context(), w.URL(databaseURL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	log := slog.New(slog.DiscardHandler)
	s := store.Open(pool, b.store.Blocks, time.Hour)
	client, err := jobs.NewClient(s, tile.NewEngine(blas.Builtin()), queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handlers.New(s, client, watch.NewHub(s, log), testLimits, handlers.Site{}, log))
	t.Cleanup(server.Close)
	broken := &testBundle{
		server: server,
		store:  s,
		jobs:   client,
	}

	multipart, both := form(t, part{"a", someElements(300, 100).npy()}, part{"b", someElements(100, 300).fortran()})
	for _, c := range []struct {
		path, contentType string
		body              []byte
		more              kept
	}{
		{"/v1/multiplications", multipart, both, kept{matrices: 3, owners: 2, multiplications: 1, tiles: 1}},
		{"/v1/matrices", npyType, someElements(500, 100).npy(), kept{matrices: 1, owners: 1}},
	} {
		before := b.kept(t)
		w.Lose(commitDone)
		first := broken.keyed(t, c.path, c.path, c.contentType, c.body)
		if !w.Lost() || first.StatusCode/100 != 2 {
			t.Fatalf("Lost() = %t, status %s, want true and 2xx: %s", w.Lost(), first.Status, first.body)
		}
		before.matrices += c.more.matrices
		before.owners += c.more.owners
		before.multiplications += c.more.multiplications
		before.tiles += c.more.tiles
		b.wantKept(t, before)
		if again := b.keyed(t, c.path, c.path, c.contentType, c.body); !bytes.Equal(again.body, first.body) {
			t.Errorf("the repetition got %s, want %s", again.body, first.body)
		}

		w.Lose(commitDone) // without a key the outcome is unknown, but what was accepted stays whole
		a := broken.post(t, c.path, c.contentType, c.body)
		if !w.Lost() || a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("Lost() = %t, status %s, want true and 503: %s", w.Lost(), a.Status, a.body)
		}
	}
	b.expectReadable(t)
}

// expectReadable reads the ready matrices.
func (b *testBundle) expectReadable(t *testing.T) {
	t.Helper()
	rows, err := b.store.Pool.Query(t.Context(), "SELECT id::text FROM matrices WHERE state = 'ready'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		t.Error("no matrix is ready")
	}
	for _, id := range ids {
		b.get(t, "/v1/matrices/"+id+"/content").want(t, http.StatusOK)
	}
}

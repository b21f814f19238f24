package handlers_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/watch"
)

// TestDatabaseUnavailable: while the database is unavailable responses ask to try again, and do not tell its address.
func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody:secret@127.0.0.1:1/nowhere?connect_timeout=5")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	log := slog.New(slog.DiscardHandler)
	client, err := jobs.NewClient(s, tile.NewEngine(blas.Builtin()), queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	handler := handlers.New(s, client, watch.NewHub(s, log), testLimits, handlers.Site{Version: "test"}, log)
	for _, request := range []struct{ method, path, body string }{
		{http.MethodGet, "/v1/multiplications/01a20a2b-e14e-7d86-921d-a6528b55629e", ""},
		{http.MethodPost, "/v1/multiplications", `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`},
		{http.MethodPost, "/v1/matrices", `[[1]]`},
	} {
		r := httptest.NewRequestWithContext(t.Context(), request.method, request.path, strings.NewReader(request.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		text, err := io.ReadAll(w.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s: status %d, want 503 with Retry-After: %s", request.method, request.path, w.Code, text)
		}
		if strings.Contains(string(text), "127.0.0.1") || strings.Contains(string(text), "secret") {
			t.Errorf("got %s, want nothing about the database", text)
		}
	}
}

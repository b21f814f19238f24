package failover_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

// pooled returns a connection string that leads to that of a database through PgBouncer, which lends connections for one
// transaction each.
func pooled(t *testing.T, direct string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; exec.Command(program, "--version").Run() != nil {
			missing(t, "pgbouncer")
		}
	}
	config, err := pgconn.ParseConfig(direct)
	if err != nil {
		t.Fatal(err)
	}
	s := newServant(t)
	port := freePort(t)
	ini := filepath.Join(s.dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
millrace = host=%s port=%d dbname=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 200
default_pool_size = 8
`, config.Host, config.Port, config.Database, config.User, config.Password, port)
	if err := os.WriteFile(ini, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(program, ini)
	databaseURL := fmt.Sprintf("postgres://millrace@127.0.0.1:%d/millrace?sslmode=disable", port)
	until(t, "the pooler accepts connections", func() bool {
		conn, err := pgx.Connect(t.Context(), databaseURL)
		if err != nil {
			return false
		}
		_ = conn.Close(t.Context())
		return true
	})
	return databaseURL
}

// TestPooler: through PgBouncer all works, by polling: submissions, waits, cancellations, and the rescue of the tiles of
// a worker that was killed, when its lease has run out. No process claims a session, and none prepares a statement.
func TestPooler(t *testing.T) {
	t.Parallel()
	pool := testdb.NewEmpty(t)
	databaseURL := pooled(t, testdb.URL(pool))
	migration := run(t, databaseURL, nil, "migrate")
	if err := migration.cmd.Wait(); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	api := serve(t, databaseURL)
	victim := work(t, databaseURL)
	if got := api.submit(small, "wait=30").State; got != "completed" {
		t.Errorf("a small multiplication is %q, want completed", got)
	}
	cancelled := api.submit(strings.ReplaceAll(manyTiles, "300", "3000"), "")
	until(t, "it runs", func() bool { return api.get(cancelled.ID).Tiles.Running > 0 })
	if status, m, _ := api.send(http.MethodPost, "/v1/multiplications/"+cancelled.ID+"/cancel", "", ""); m.State != "cancelled" {
		t.Errorf("cancelling got %d, %q, want cancelled", status, m.State)
	}
	const running = "SELECT count(*) FROM river_job WHERE state = 'running' AND kind <> 'sweep'"
	count := func(sql string) (n int) {
		if err := pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	until(t, "no tile runs", func() bool { return count(running) == 0 })

	m := api.submit(manyTiles, "")
	until(t, "tiles run", func() bool { return count(running) > 0 })
	victim.kill()
	work(t, databaseURL)
	api.awaitState(m.ID, "completed")
	if n := count("SELECT count(*) FROM workers WHERE session_key IS NOT NULL"); n > 0 {
		t.Errorf("%d processes claim sessions, which a pooler does not have, want 0", n)
	}
	if n := count("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"); n > 0 {
		t.Errorf("%d locks of sessions are left with the pooler, want 0", n)
	}
}

// TestSilentBehindPooler: what Postgres and PgBouncer send to each other is lost. Each request gets a 503 that asks to come
// back, and a process that is started meanwhile waits, although the pooler takes connections and statements. Afterwards
// all goes on by itself. A change that had a connection
// takes 30 s to be refused: `make ledger` runs it.
func TestSilentBehindPooler(t *testing.T) {
	if os.Getenv("MILLRACE_LEDGER") != "whole" {
		t.Skip("it takes half a minute: make ledger")
	}
	t.Parallel()
	pool := testdb.New(t)
	w := wire.New(t, "127.0.0.1:0", testdb.URL(pool))
	databaseURL := pooled(t, w.URL(testdb.URL(pool)))
	api := serve(t, databaseURL)
	work(t, databaseURL)
	m := api.submit(manyTiles, "")
	until(t, "tiles are computed", func() bool { return api.get(m.ID).Tiles.Completed > 0 })

	w.Silence()
	refused := make(chan string)
	requests := []struct{ method, path, body, prefer string }{
		{http.MethodGet, "/v1/multiplications", "", ""},
		{http.MethodGet, "/v1/multiplications/" + m.ID, "", "wait=3"},
		{http.MethodGet, "/v1/multiplications/" + m.ID + "/result", "", ""},
		{http.MethodPost, "/v1/multiplications", small, ""},
		{http.MethodPost, "/v1/multiplications", manyTiles, "wait=3"},
		{http.MethodPost, "/v1/multiplications:batch", "[" + small + "]", ""},
		{http.MethodPost, "/v1/multiplications/" + m.ID + "/retry", "", ""},
		{http.MethodDelete, "/v1/multiplications/" + m.ID, "", ""},
		{http.MethodGet, "/v1/overview", "", ""},
	}
	for _, r := range requests {
		go func() {
			status, _, later := api.send(r.method, r.path, r.body, r.prefer)
			if status == http.StatusServiceUnavailable && later {
				refused <- ""
				return
			}
			refused <- fmt.Sprintf("%s %s got %d, Retry-After %t, want a 503 with it", r.method, r.path, status, later)
		}()
	}
	late := run(t, databaseURL, nil, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	for range requests {
		if problem := <-refused; problem != "" {
			t.Error(problem)
		}
	}
	late.awaitLog("waiting for the database")

	w.Speak()
	late.awaitLog("msg=serving")
	api.awaitState(m.ID, "completed")
	if got := api.submit(small, "wait=30").State; got != "completed" {
		t.Errorf("a new multiplication is %q, want completed", got)
	}
}

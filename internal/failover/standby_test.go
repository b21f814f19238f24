package failover_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

// server is a Postgres that replicates, or the standby of one.
type server struct {
	servant
	bin  string // folder of the programs
	data string
	port int
	kill func()
}

// newServer returns one that has no data.
func newServer(t *testing.T) *server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup")
	if len(found) == 0 {
		missing(t, "pg_basebackup")
	}
	s := &server{
		servant: newServant(t),
		bin:     filepath.Dir(slices.Max(found)),
		port:    freePort(t),
	}
	s.data = filepath.Join(s.dir, "data")
	return s
}

// url returns a connection string of a database.
func (s *server) url(database string) string {
	return fmt.Sprintf("postgres://millrace@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// launch starts the server, and returns when it accepts connections.
func (s *server) launch(settings ...string) {
	s.t.Helper()
	args := []string{"-D", s.data}
	for _, setting := range append(settings, fmt.Sprintf("port=%d", s.port), "listen_addresses=127.0.0.1",
		"unix_socket_directories=", "fsync=off", "max_wal_senders=4", "max_connections=100", "shared_buffers=64MB") {
		args = append(args, "-c", setting)
	}
	s.kill = s.start(filepath.Join(s.bin, "postgres"), args...)
	until(s.t, "Postgres accepts connections", func() bool { return s.exec("postgres", "SELECT 1") == nil })
}

// exec executes a statement, within some time.
func (s *server) exec(database, sql string) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), waitTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// replicate returns a primary, and a standby without which it commits nothing.
func replicate(t *testing.T) (primary, standby *server) {
	t.Helper()
	primary = newServer(t)
	primary.run(filepath.Join(primary.bin, "initdb"), "-D", primary.data, "-U", "millrace", "--auth=trust", "--encoding=UTF8",
		"--locale=C", "--no-sync")
	primary.launch()
	if err := primary.exec("postgres", "CREATE DATABASE millrace"); err != nil {
		t.Fatal(err)
	}
	standby = newServer(t)
	standby.run(filepath.Join(standby.bin, "pg_basebackup"), "-D", standby.data, "-d", primary.url("postgres"), "-R",
		"--checkpoint=fast", "--no-sync")
	standby.launch()
	for _, sql := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := primary.exec("postgres", sql); err != nil {
			t.Fatal(err)
		}
	}
	return primary, standby
}

// TestFailover: the primary is killed in the middle of the work. Requests get nothing but a 503 that asks to come back,
// a process that is started meanwhile waits, and when the standby is promoted all goes on with what was accepted.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary, standby := replicate(t)
	databaseURL := fmt.Sprintf("postgres://millrace@127.0.0.1:%d,127.0.0.1:%d/millrace?sslmode=disable"+
		"&target_session_attrs=read-write", primary.port, standby.port)
	migration := run(t, databaseURL, nil, "migrate")
	if err := migration.cmd.Wait(); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	api := serve(t, databaseURL)
	work(t, databaseURL)
	inline := api.submit(small, "wait=30")
	m := api.submit(manyTiles, "")
	until(t, "tiles are computed", func() bool { return api.get(m.ID).Tiles.Completed > 0 })

	primary.kill()
	until(t, "submissions are refused", func() bool {
		status, _, later := api.send(http.MethodPost, "/v1/multiplications", small, "")
		if status == http.StatusServiceUnavailable && !later {
			t.Error("a 503 without Retry-After")
		}
		return status == http.StatusServiceUnavailable
	})
	if status, _, _ := api.send(http.MethodGet, "/v1/multiplications/"+m.ID, "", ""); status != http.StatusServiceUnavailable {
		t.Errorf("reading gets %d while there is no primary, want 503", status)
	}
	late := run(t, databaseURL, nil, "api", "--addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0")
	late.awaitLog("waiting for the database")

	if err := standby.exec("postgres", "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
	api.awaitState(m.ID, "completed")
	if got := api.get(inline.ID).State; got != "completed" {
		t.Errorf("what was completed before is %q, want completed", got)
	}
	late.awaitLog("msg=serving")
	if got := api.submit(small, "wait=30").State; got != "completed" {
		t.Errorf("a new multiplication is %q, want completed", got)
	}
}

// TestSilentAtStart: a process that is started while its database takes connections and does not respond ends when it
// has waited for as long as it was told to, and says why.
func TestSilentAtStart(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	w.Silence()
	for _, role := range []string{"api", "worker", "migrate"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			args := []string{role, "--wait=1ms"}
			if role != "migrate" {
				args = append(args, "--ops-addr=127.0.0.1:0")
			}
			p := run(t, w.URL(databaseURL)+"&connect_timeout=1", nil, args...)
			if err := p.cmd.Wait(); err == nil {
				t.Error("it ended with success, want a failure")
			}
			if text := p.log.String(); !strings.Contains(text, "connecting to the database") {
				t.Errorf("it says %q, want why it ended", text)
			}
		})
	}
}

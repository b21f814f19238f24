package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

// freeAddress returns an address that nothing listens on yet.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = port.Close() }()
	return port.Addr().String()
}

// status returns the status of a GET, 0 while nothing listens.
func status(url string) int {
	response, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// wantProbes checks what the endpoints for operators respond.
func wantProbes(t *testing.T, ops string, ready, serves int) {
	t.Helper()
	for path, want := range map[string]int{"/livez": 200, "/readyz": ready, "/readyz?exclude=database": serves} {
		if got := status(ops + path); got != want {
			t.Errorf("GET %s = %d, want %d", path, got, want)
		}
	}
}

// TestRolesWait: a role that is started while its database is unavailable, and then read-only, says so, is alive and
// not ready, and starts when the database takes writes.
func TestRolesWait(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	databaseURL := testdb.URL(d.pool)
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	readOnly := func(value string) {
		sql := "ALTER DATABASE " + config.Database + " SET default_transaction_read_only = " + value
		if _, err := d.pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	address := freeAddress(t)
	late := fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", config.User, config.Password, address, config.Database)
	env := []string{"DATABASE_URL=" + late, d.env[1]}
	for role, args := range map[string][]string{"api": {"--addr=127.0.0.1:0"}, "worker": nil} {
		t.Run(role, func(t *testing.T) {
			opsAddr := freeAddress(t)
			ops := "http://" + opsAddr
			p := start(t, env, append([]string{role, "--ops-addr=" + opsAddr}, args...)...)
			p.untilLogs("waiting for the database")
			wantProbes(t, ops, 503, 503)

			readOnly("on")
			wire.New(t, address, databaseURL)
			p.untilLogs("read-only")
			wantProbes(t, ops, 503, 503)

			readOnly("off")
			until(t, "it is ready", func() bool { return status(ops+"/readyz") == http.StatusOK })
			wantProbes(t, ops, 200, 200)
			p.exit(syscall.SIGTERM)
		})
	}
}

// TestRolesGiveUp: a role does not wait for a database that is wrong for good, nor longer than it is told to.
func TestRolesGiveUp(t *testing.T) {
	t.Parallel()
	databaseURL := testdb.URL(testdb.NewEmpty(t))
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	unknown := strings.Replace(databaseURL, "/"+config.Database, "/nope", 1)
	wantFailure(t, []string{"DATABASE_URL=" + unknown}, 1, "does not exist", "worker", "--ops-addr=127.0.0.1:0")
	nothing := []string{"DATABASE_URL=postgres://127.0.0.1:1/x"}
	wantFailure(t, nothing, 1, "connecting to the database", "worker", "--ops-addr=127.0.0.1:0", "--wait=0s")
	wantFailure(t, nothing, 1, "connecting to the database", "api", "--ops-addr=127.0.0.1:0", "--wait=1ms")
	wantFailure(t, nothing, 2, "expected a duration", "worker", "--wait=long")
	p := start(t, nothing, "worker", "--ops-addr=127.0.0.1:0")
	p.untilLogs("waiting for the database")
	p.signal(syscall.SIGTERM)
	if err := p.wait(); err == nil {
		t.Error("SIGTERM while it waits: the process ended with success, want a failure")
	}
}

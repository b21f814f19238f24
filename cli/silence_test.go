package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
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

// request is a request to an API.
type request struct{ method, path, body, prefer string }

// send sends the request, and returns what is wrong with the response: it must be a 503 that asks to try again.
func (q request) send(ctx context.Context, server string) error {
	r, err := http.NewRequestWithContext(ctx, q.method, server+q.path, strings.NewReader(q.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if q.prefer != "" {
		r.Header.Set("Prefer", q.prefer)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
		return err
	}
	return fmt.Errorf("%s %s %s: status %d, %q, want 503 with Retry-After", q.method, q.path, q.prefer,
		response.StatusCode, text)
}

// requestsOfEachKind returns requests of each kind, most of them about a multiplication.
func requestsOfEachKind(id string) []request {
	multiplication := "/v1/multiplications/" + id
	return []request{
		{method: "GET", path: "/v1/multiplications"},
		{method: "GET", path: multiplication},
		{method: "GET", path: multiplication, prefer: "wait=5"},
		{method: "GET", path: multiplication + "/events"},
		{method: "GET", path: multiplication + "/result"},
		{method: "POST", path: multiplication + "/cancel"},
		{method: "POST", path: multiplication + "/retry"},
		{method: "DELETE", path: multiplication},
		{method: "POST", path: "/v1/multiplications", body: manyTiles},
		{method: "POST", path: "/v1/multiplications", body: manyTiles, prefer: "wait=5"},
		{method: "POST", path: "/matrix_multiplication/", body: `{"A": [[1]], "B": [[1]]}`},
		{method: "POST", path: "/v1/matrices", body: "[[" + strings.Repeat("1,", 100_000) + "1]]"},
		{method: "GET", path: "/v1/matrices/" + id},
		{method: "GET", path: "/v1/matrices/" + id + "/content"},
		{method: "GET", path: "/v1/overview"},
		{method: "GET", path: "/riverui/api/queues?limit=20"},
		{method: "GET", path: "/riverui/api/jobs?limit=20"},
		{method: "PUT", path: "/riverui/api/queues/tiles/pause"},
	}
}

// TestSilentDatabase: while the database does not respond each kind of request is told to come back, streams go on, and
// a process is ready for its clients, and not ready as such. Afterwards everything goes on by itself.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	databaseURL := testdb.URL(d.pool)
	w := wire.New(t, "127.0.0.1:0", databaseURL)
	d.env = []string{"DATABASE_URL=" + w.URL(databaseURL), d.env[1], "MILLRACE_LEASE=1s"}
	main := d.startAPI()
	worker := d.startWorker()
	ops := opsAddress.FindStringSubmatch(main.stderr.String())[1]
	workerOps := opsAddress.FindStringSubmatch(worker.stderr.String())[1]
	id := d.api.submit(manyTiles)
	stream, err := http.Get(d.server + "/v1/multiplications/" + id + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Body.Close() }()
	events := bufio.NewScanner(stream.Body)
	for events.Scan() && !strings.HasPrefix(events.Text(), "event:") {
	}
	until(t, "the worker computes", func() bool { return d.api.get(id).Tiles.Completed > 0 })

	w.Silence()
	requests := requestsOfEachKind(id)
	results := make(chan error)
	for _, q := range requests {
		go func() { results <- q.send(t.Context(), d.server) }()
	}
	for range requests {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	wantProbes(t, ops, 503, 200)
	wantProbes(t, workerOps, 503, 200)

	w.Speak()
	d.api.completes(id)
	until(t, "the API is ready", func() bool { return status(ops+"/readyz") == http.StatusOK })
	until(t, "the worker is ready", func() bool { return status(workerOps+"/readyz") == http.StatusOK })
	last := ""
	for events.Scan() {
		if strings.HasPrefix(events.Text(), "data:") {
			last = events.Text()
		}
	}
	wantTexts(t, last, "completed")
	worker.exit(syscall.SIGTERM)
	main.exit(syscall.SIGTERM)
}

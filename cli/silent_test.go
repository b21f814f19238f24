package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/internal/wire"
)

// request is a request to an API.
type request struct{ method, path, body, prefer, kind, offset string }

// deadline is how long a response may take when the database does not respond: the deadline of its class, what it was
// asked to wait for, and some time for a busy machine.
func (q request) deadline() time.Duration {
	d := 30 * time.Second
	if q.method == http.MethodGet || q.method == http.MethodHead {
		d = 10 * time.Second
	}
	if q.prefer != "" {
		d += 5 * time.Second
	}
	return d + 10*time.Second
}

// send sends the request, and returns what is wrong with the response: it must be a 503 that asks to try again, and be
// there in time.
func (q request) send(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, q.deadline())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method, server+q.path, strings.NewReader(q.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if q.prefer != "" {
		r.Header.Set("Prefer", q.prefer)
	}
	if q.offset != "" {
		r.Header.Set("Content-Type", q.kind)
		r.Header.Set("Upload-Offset", q.offset)
		r.Header.Set("Upload-Complete", "?1")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("%s %s %s: %w", q.method, q.path, q.prefer, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
		return err
	}
	return fmt.Errorf("%s %s %s: status %d, %q, want 503 with Retry-After", q.method, q.path, q.prefer,
		response.StatusCode, text)
}

// keyID is the id of no key.
const keyID = "0aB3dE5gH7"

// requestsOfEachKind returns requests of each kind, most of them about a multiplication.
func requestsOfEachKind(id string) []request {
	multiplication := "/v1/multiplications/" + id
	webhook := "/v1/webhooks/" + id
	return []request{
		{method: "GET", path: "/v1/multiplications"},
		{method: "GET", path: multiplication},
		{method: "GET", path: multiplication, prefer: "wait=5"},
		{method: "GET", path: multiplication + "/events"},
		{method: "GET", path: multiplication + "/result"},
		{method: "GET", path: multiplication + "/tiles"},
		{method: "POST", path: multiplication + "/cancel"},
		{method: "POST", path: multiplication + "/retry"},
		{method: "DELETE", path: multiplication},
		{method: "POST", path: "/v1/multiplications", body: manyTiles},
		{method: "POST", path: "/v1/multiplications", body: manyTiles, prefer: "wait=5"},
		{method: "POST", path: "/v1/multiplications:batch", body: `[{"a": {"values": [[1]]}, "b": {"values": [[1]]}}]`},
		{method: "POST", path: "/matrix_multiplication/", body: `{"A": [[1]], "B": [[1]]}`},
		{method: "POST", path: "/v1/matrices", body: "[[" + strings.Repeat("1,", 100_000) + "1]]"},
		{method: "GET", path: "/v1/matrices"},
		{method: "GET", path: "/v1/matrices/" + id},
		{method: "DELETE", path: "/v1/matrices/" + id},
		{method: "GET", path: "/v1/matrices/" + id + "/content"},
		{method: "HEAD", path: "/v1/uploads/" + id},
		{method: "PATCH", path: "/v1/uploads/" + id, body: "x", kind: "application/partial-upload", offset: "0"},
		{method: "DELETE", path: "/v1/uploads/" + id},
		{method: "GET", path: "/v1/overview"},
		{method: "GET", path: "/v1/limits"},
		{method: "GET", path: "/v1/keys"},
		{method: "POST", path: "/v1/keys", body: `{"name": "x", "scopes": ["read"]}`},
		{method: "DELETE", path: "/v1/keys/" + keyID},
		{method: "GET", path: "/v1/webhooks"},
		{method: "POST", path: "/v1/webhooks", body: `{"url": "https://example.com/hooks"}`},
		{method: "GET", path: webhook},
		{method: "DELETE", path: webhook},
		{method: "POST", path: webhook + "/rotate"},
		{method: "POST", path: webhook + "/enable"},
		{method: "GET", path: webhook + "/deliveries"},
		{method: "POST", path: webhook + "/deliveries/" + id + "/replay"},
		{method: "GET", path: "/riverui/api/queues?limit=20"},
		{method: "GET", path: "/riverui/api/jobs?limit=20"},
		{method: "PUT", path: "/riverui/api/queues/tiles/pause"},
	}
}

// wantEachOperation checks that there is a request for each operation that an API describes.
func wantEachOperation(t *testing.T, server, id string, requests []request) {
	t.Helper()
	var description struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(fetchText(t, server+"/openapi.json")), &description); err != nil {
		t.Fatal(err)
	}
	for path, operations := range description.Paths {
		for method := range operations {
			is := func(q request) bool {
				path := strings.ReplaceAll(path, "{delivery_id}", id)
				return strings.EqualFold(q.method, method) &&
					(q.path == strings.ReplaceAll(path, "{id}", id) || q.path == strings.ReplaceAll(path, "{id}", keyID))
			}
			if path == "/v1/session" { // there are none without authentication
				continue
			}
			if !strings.EqualFold(method, "parameters") && !slices.ContainsFunc(requests, is) {
				t.Errorf("there is no request of the operation %s %s, want one", method, path)
			}
		}
	}
}

// whileSilent sends all requests, again and again for some time, and looks whether the processes are alive.
func whileSilent(t *testing.T, server string, requests []request, atLeast time.Duration, ops ...string) {
	t.Helper()
	for began, first := time.Now(), true; first || time.Since(began) < atLeast; first = false {
		results := make(chan error)
		round := time.Now()
		for _, q := range requests {
			go func() { results <- q.send(t.Context(), server) }()
		}
		for range requests {
			if err := <-results; err != nil {
				t.Error(err)
			}
			for _, o := range ops {
				if got := status(o + "/livez"); got != http.StatusOK {
					t.Errorf("GET /livez = %d, want 200", got)
				}
			}
		}
		t.Logf("%d requests were refused, the last one after %s", len(requests), time.Since(round).Round(time.Millisecond))
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

	requests := requestsOfEachKind(id)
	wantEachOperation(t, d.server, id, requests)
	w.Silence()
	var atLeast time.Duration
	if os.Getenv("MILLRACE_LEDGER") == "whole" {
		atLeast = 30 * time.Second
	}
	whileSilent(t, d.server, requests, atLeast, ops, workerOps)
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

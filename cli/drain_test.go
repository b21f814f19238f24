package cli_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var opsAddress = regexp.MustCompile(`msg=(?:serving api=\S+|ready) ops=(\S+)`)

// TestDrain: after SIGTERM an API reports not ready, still accepts requests, and closes the connection after each
// response.
func TestDrain(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.env = append(d.env, "MILLRACE_DRAIN=10s")
	main := d.startAPI()
	base := apiAddress.FindStringSubmatch(main.stderr.String())[1]
	ops := opsAddress.FindStringSubmatch(main.stderr.String())[1]
	health := "--ops-addr=" + strings.TrimPrefix(ops, "http://")
	if _, stderr, code := run(t, nil, "health", health); code != 0 {
		t.Errorf("health of a running API: code %d, %q, want 0", code, stderr)
	}
	if fetch(t, base+"/openapi.json").Close {
		t.Error("Close of a response of a running API = true, want false")
	}

	main.signal(syscall.SIGTERM)
	until(t, "it is not ready", func() bool { return fetch(t, ops+"/readyz").StatusCode == http.StatusServiceUnavailable })
	wantFailure(t, nil, 1, "not ready", "health", health)
	if got := fetch(t, ops+"/livez").StatusCode; got != http.StatusOK {
		t.Errorf("GET /livez of a draining API = %d, want 200", got)
	}
	if r := fetch(t, base+"/openapi.json"); r.StatusCode != http.StatusOK || !r.Close {
		t.Errorf("GET /openapi.json of a draining API = %d, Close = %t, want 200, true", r.StatusCode, r.Close)
	}
	id := d.api.submit(fewTiles)
	if err := main.wait(); err != nil {
		t.Errorf("the API ended with %v, want success", err)
	}
	d.startAPI()
	worker := d.startWorker()
	d.api.completes(id)
	worker.exit(syscall.SIGTERM)
}

// fetch sends a GET request and returns the response, of which it has read the body.
func fetch(t *testing.T, url string) *http.Response {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

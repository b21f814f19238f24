package cli_test

import (
	"io"
	"net/http"
	"regexp"
	"syscall"
	"testing"
)

var opsAddress = regexp.MustCompile(`msg=(?:serving api=\S+|ready) ops=(\S+)`)

// TestDrain: an API that was told to stop is not ready any more, still takes requests, and has each client connect anew.
func TestDrain(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.env = append(d.env, "MILLRACE_DRAIN=10s")
	main := d.startAPI()
	base := apiAddress.FindStringSubmatch(main.stderr.String())[1]
	ops := opsAddress.FindStringSubmatch(main.stderr.String())[1]
	if _, stderr, code := run(t, nil, "health", "--ops-addr="+ops[len("http://"):]); code != 0 {
		t.Errorf("health of a running API: %s", stderr)
	}
	if answer := fetch(t, base+"/openapi.json"); answer.Close {
		t.Error("a running API closed a connection")
	}

	main.signal(syscall.SIGTERM)
	until(t, "it is not ready", func() bool { return fetch(t, ops+"/readyz").StatusCode == http.StatusServiceUnavailable })
	if _, _, code := run(t, nil, "health", "--ops-addr="+ops[len("http://"):]); code != 1 {
		t.Errorf("health of a draining API: code %d", code)
	}
	if answer := fetch(t, ops+"/livez"); answer.StatusCode != http.StatusOK {
		t.Errorf("livez: %s", answer.Status)
	}
	if answer := fetch(t, base+"/openapi.json"); answer.StatusCode != http.StatusOK || !answer.Close {
		t.Errorf("%s, closes: %t", answer.Status, answer.Close)
	}
	id := d.api.submit(manyTiles)
	if err := main.wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	d.startAPI()
	worker := d.startWorker()
	d.api.completes(id)
	worker.exit(syscall.SIGTERM)
}

func fetch(t *testing.T, url string) *http.Response {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer
}

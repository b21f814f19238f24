package cli_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestStopWhileClientsWait: after SIGTERM an API responds to its waiters and ends its event streams at once.
func TestStopWhileClientsWait(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	main := d.startAPI()
	// It stays pending, since there is no worker; and it is a row, not an inline multiplication, of which the hub reads
	// otherwise.
	id := d.api.submit(`{"a": {"random": {"rows": 9, "cols": 9}}, "b": {"random": {"rows": 9, "cols": 9}}}`)
	status := make(chan int, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server+"/v1/multiplications/"+id, nil)
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("Prefer", "wait=60")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			status <- 0
			return
		}
		_ = response.Body.Close()
		status <- response.StatusCode
	}()
	until(t, "the request waits", func() bool {
		var n int
		err := d.pool.QueryRow(t.Context(), // the query of the hub, which runs only if a client waits
			`SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%name: ListMultiplications %' AND pid <> pg_backend_pid()`).Scan(&n)
		return err == nil && n > 0
	})
	events, err := http.Get(d.server + "/v1/multiplications/" + id + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = events.Body.Close() }()
	lines := bufio.NewReader(events.Body)
	for line := ""; !strings.HasPrefix(line, "data: "); {
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	main.exit(syscall.SIGTERM)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the waiter received %d, want 200", got)
	}
	if rest, err := io.ReadAll(lines); err != nil || strings.Contains(string(rest), "data:") {
		t.Errorf("the stream ended with %q, %v, want no event and no error", rest, err)
	}
	worker := d.startWorker()
	d.startAPI()
	d.api.completes(id)
	worker.exit(syscall.SIGTERM)
}

package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
)

// TestWebhookSurvives: a message is sent although the API is killed in the middle of an attempt, and although another
// one stops between two attempts.
func TestWebhookSurvives(t *testing.T) {
	t.Parallel()
	ids := make(chan string, 100)
	respond := make(chan int, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection would not be noticed
		ids <- r.Header.Get("webhook-id")
		select {
		case status := <-respond:
			w.WriteHeader(status)
		case <-r.Context().Done(): // the API was killed
		}
	}))
	t.Cleanup(receiver.Close)
	next := func() (id string) {
		t.Helper()
		until(t, "the receiver gets a message", func() bool {
			select {
			case id = <-ids:
			default:
			}
			return id != ""
		})
		return id
	}
	d := deploy(t)
	d.env = append(d.env, "MILLRACE_LEASE=1s", "MILLRACE_WEBHOOK_ALLOW=127.0.0.0/8")
	first := d.startAPI()
	d.postJSON("/v1/webhooks", `{"url": "`+receiver.URL+`", "small": false}`)
	id := d.api.submit(fewTiles)
	d.postJSON("/v1/multiplications/"+id+"/cancel", "")
	message := next()
	first.signal(syscall.SIGKILL)
	_ = first.wait()
	second := d.startAPI()
	if again := next(); again != message {
		t.Errorf("the second attempt has the id %s, want that of the first, %s", again, message)
	}
	respond <- http.StatusInternalServerError
	d.untilCount(1, "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending' AND status = 500 AND attempts = 1")
	second.exit(syscall.SIGTERM)
	d.exec("UPDATE river_job SET state = 'available', scheduled_at = now() WHERE kind = 'deliver_webhook'")
	third := d.startAPI()
	if again := next(); again != message {
		t.Errorf("the third attempt has the id %s, want that of the first, %s", again, message)
	}
	respond <- http.StatusNoContent
	d.untilCount(1, "SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered' AND status = 204 AND attempts = 2")
	third.exit(syscall.SIGTERM)
}

// postJSON sends a request to the API, which must succeed.
func (d *deployment) postJSON(path, body string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.server+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode/100 != 2 || !json.Valid(text) {
		d.t.Fatalf("POST %s: %s, %v, %s, want success", path, response.Status, err, text)
	}
}

// untilCount waits until a query counts n.
func (d *deployment) untilCount(n int, sql string) {
	d.t.Helper()
	until(d.t, sql, func() bool {
		var got int
		if err := d.pool.QueryRow(d.t.Context(), sql).Scan(&got); err != nil {
			d.t.Fatal(err)
		}
		return got == n
	})
}

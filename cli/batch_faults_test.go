package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestKilledInBatch: an API that is killed, or loses its connection to the database, in the middle of a batch has
// accepted whole groups of it, and a repetition with the same key, at another API, goes on with the rest: each order is
// accepted once.
func TestKilledInBatch(t *testing.T) {
	t.Parallel()
	const (
		orders = 5000
		group  = 1000 // orders that are accepted together
	)
	d := deploy(t)
	api := d.startAPI()
	body := strings.Repeat(smallLine, orders)
	accepted := func() (n int) {
		d.t.Helper()
		if err := d.pool.QueryRow(t.Context(), "SELECT count(*) FROM inline_pending").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	posted := func(key string) <-chan batchReply {
		reply := make(chan batchReply, 1)
		go func() { reply <- d.postBatch(key, body) }()
		return reply
	}

	release := d.holdKey("killed\n2000")
	reply := posted("killed")
	until(t, "two groups are accepted", func() bool { return accepted() == 2*group })
	api.signal(syscall.SIGKILL)
	_ = api.wait()
	if r := <-reply; r.status != 0 {
		t.Errorf("status %d of a server that is killed, want none", r.status)
	}
	release()
	api = d.startAPI()
	first := d.postBatch("killed", body)
	first.want(t, orders, "")
	if got := accepted(); got != orders {
		t.Errorf("%d orders are accepted, want %d", got, orders)
	}
	d.postBatch("killed", body).want(t, orders, "true")

	release = d.holdKey("cut\n3000")
	reply = posted("cut")
	until(t, "three groups are accepted", func() bool { return accepted() == orders+3*group })
	for waiting := true; waiting; { // a transaction that is cut off is tried again
		select {
		case r := <-reply:
			if r.status != http.StatusServiceUnavailable {
				t.Errorf("status %d without a database, want 503", r.status)
			}
			waiting = false
		default:
			d.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE wait_event_type = 'Lock' AND datname = current_database()`)
		}
	}
	release()
	d.postBatch("cut", body).want(t, orders, "")
	d.postBatch("cut", body).want(t, orders, "true")
	if got := accepted(); got != 2*orders {
		t.Errorf("%d orders are accepted, want %d", got, 2*orders)
	}
	api.exit(syscall.SIGTERM)
}

// batchReply is the response to a batch; a status of 0 is none.
type batchReply struct {
	status   int
	replayed string
	ids      map[string]bool
}

// want fails the test if the orders are not accepted as that many multiplications.
func (r batchReply) want(t *testing.T, orders int, replayed string) {
	t.Helper()
	if r.status != http.StatusOK || len(r.ids) != orders || r.replayed != replayed {
		t.Errorf("status %d, %d multiplications, replayed %q, want 200, %d, %q",
			r.status, len(r.ids), r.replayed, orders, replayed)
	}
}

// postBatch sends a batch with a key.
func (d *deployment) postBatch(key, body string) (reply batchReply) {
	request, err := http.NewRequest(http.MethodPost, d.server+"/v1/multiplications:batch", strings.NewReader(body))
	if err != nil {
		d.t.Error(err)
		return reply
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Idempotency-Key", key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply
	}
	defer func() { _ = response.Body.Close() }()
	reply.status = response.StatusCode
	reply.replayed = response.Header.Get("Idempotent-Replayed")
	var items struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := json.NewDecoder(response.Body).Decode(&items); err != nil {
		d.t.Errorf("reading the response to a batch: %v", err)
	}
	reply.ids = map[string]bool{}
	for _, item := range items.Items {
		reply.ids[item.ID] = true
	}
	return reply
}

// holdKey keeps a transaction open that has an idempotency key, so that another that wants to write it waits.
func (d *deployment) holdKey(key string) (release func()) {
	d.t.Helper()
	tx, err := d.pool.Begin(d.t.Context())
	if err == nil {
		_, err = tx.Exec(d.t.Context(), `INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
			VALUES ($1, sha256(''), 200, '', '', now() + interval '1 day')`, key)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(d.t.Context()); err != nil && err != pgx.ErrTxClosed { //nolint:errorlint // never wrapped
			d.t.Error(err)
		}
	}
}

package handlers_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/resource"
)

// TestHeldRequests: a client has at most half of the event streams and waits that may be open, others get the rest, and
// what ends makes room. A submission that cannot wait is accepted all the same.
func TestHeldRequests(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{
		idle: true,
		site: handlers.Site{Clients: handlers.Clients{
			MaxWaiting: 4,
			Proxies:    guard.Proxies{netip.MustParsePrefix("127.0.0.0/8")},
		}},
	})
	id := b.submit(t, twoByTwo).ID
	path := "/v1/multiplications/" + id
	from := func(client string) []string {
		return []string{"X-Forwarded-For", "192.0.2.9, " + client + ", 127.0.0.1"}
	}
	waits := func(client string) []string { return append(from(client), "Prefer", "wait=60") }
	wantRefused := func(status int, client string) {
		t.Helper()
		for _, a := range []received{
			b.get(t, path, waits(client)...),
			b.get(t, path+"/events", from(client)...),
		} {
			if a.want(t, status).Header.Get("Retry-After") == "" {
				t.Errorf("%s: headers %v, want Retry-After", a.Status, a.Header)
			}
		}
		headers := append(waits(client), "Content-Type", jsonType)
		a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(tinySubmission), headers...)
		a.want(t, http.StatusAccepted).applied(t, "")
	}

	b.subscribe(t, id, from("203.0.113.1")...)
	waited := make(chan received)
	go func() {
		for {
			a := b.get(t, path, waits("203.0.113.1")...)
			if a.StatusCode != http.StatusTooManyRequests { // because of one that asks for the status, below
				waited <- a
				return
			}
		}
	}()
	status := func(client string) int { return b.get(t, path, append(from(client), "Prefer", "wait=0")...).StatusCode }
	eventually(t, func() bool { return status("203.0.113.1") == http.StatusTooManyRequests })
	wantRefused(http.StatusTooManyRequests, "203.0.113.1")
	b.subscribe(t, id, from("203.0.113.2")...)
	last := b.subscribe(t, id, from("2001:db8::1")...)
	wantRefused(http.StatusServiceUnavailable, "203.0.113.3")
	b.get(t, path, from("203.0.113.3")...).want(t, http.StatusOK) // what does not wait is not bounded

	_ = last.response.Body.Close()
	eventually(t, func() bool { return status("203.0.113.3") == http.StatusOK })
	b.do(t, http.MethodPost, path+"/cancel", nil).want(t, http.StatusOK)
	if m := decode[resource.Multiplication](t, <-waited); m.State != "cancelled" {
		t.Errorf("the wait ended with state %s, want cancelled", m.State)
	}
}

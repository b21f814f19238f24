package guard_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/internal/reexec"
)

// TestClients: the client of a request is the address of its connection, or what a proxy says of it. What a client says
// of itself does not count.
func TestClients(t *testing.T) {
	t.Parallel()
	proxies := guard.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, test := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"203.0.113.1:5", nil, "203.0.113.1"},
		{"203.0.113.1:5", []string{"198.51.100.1"}, "203.0.113.1"},
		{"[::ffff:203.0.113.1]:5", nil, "203.0.113.1"},
		{"[2001:db8:1:2:3:4:5:6]:5", nil, "2001:db8:1:2::"},
		{"[fe80::1%eth0]:5", nil, "fe80::"},
		{"10.1.1.1:5", nil, ""},
		{"[::ffff:10.1.1.1]:5", []string{"203.0.113.1"}, "203.0.113.1"},
		{"10.1.1.1:5", []string{"203.0.113.1"}, "203.0.113.1"},
		{"10.1.1.1:5", []string{"203.0.113.1:999"}, "203.0.113.1"},
		{"10.1.1.1:5", []string{"[2001:db8::1]:999"}, "2001:db8::"},
		{"10.1.1.1:5", []string{"[2001:db8::1]"}, "2001:db8::"},
		{"10.1.1.1:5", []string{"1.1.1.1, 203.0.113.1 , 10.2.2.2"}, "203.0.113.1"},
		{"10.1.1.1:5", []string{"1.1.1.1", "203.0.113.1", "10.2.2.2"}, "203.0.113.1"},
		{"10.1.1.1:5", []string{"10.3.3.3, 10.2.2.2"}, ""},
		{"10.1.1.1:5", []string{"203.0.113.1, nonsense"}, ""},
		{"10.1.1.1:5", []string{",,"}, ""},
		{"[::1]:5", []string{"203.0.113.1"}, "203.0.113.1"},
		{"@", []string{"203.0.113.1"}, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = test.remote
		r.Header["X-Forwarded-For"] = test.forwarded
		got := ""
		if client := guard.ClientOf(proxies.WithClient(t.Context(), r)); client.IsValid() {
			got = client.String()
		}
		if got != test.want {
			t.Errorf("from %s, forwarded for %q: client %q, want %q", test.remote, test.forwarded, got, test.want)
		}
	}
}

// TestCap: a client has half at most, a proxy that names none has all, and nothing is remembered of what has ended.
func TestCap(t *testing.T) {
	t.Parallel()
	one, two := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	c := guard.NewCap(4, guard.Waiting, guard.ClientWaiting)
	var releases []func()
	take := func(client netip.Addr, want guard.Reason) {
		t.Helper()
		release, refused := c.Take(client)
		if refused != want || (release == nil) != (want != "") {
			t.Fatalf("Take(%s) = %q, want %q", client, refused, want)
		}
		if release != nil {
			releases = append(releases, release)
		}
	}
	end := func() {
		for _, release := range releases {
			release()
			release() // the second time does nothing
		}
		releases = nil
		if n := c.Taken(); n != 0 {
			t.Fatalf("%d places are taken, want 0", n)
		}
	}
	for range 3 {
		take(one, "")
		take(one, "")
		take(one, guard.ClientWaiting)
		take(two, "")
		take(netip.Addr{}, "")
		take(netip.Addr{}, guard.Waiting)
		take(two, guard.Waiting)
		end()
		for range 4 {
			take(netip.Addr{}, "")
		}
		end()
	}
	c = guard.NewCap(1, guard.Waiting, guard.ClientWaiting)
	take(one, "")
	end()
	c = guard.NewCap(0, guard.Waiting, guard.ClientWaiting)
	for range 100 {
		take(one, "")
	}
	end()
}

// TestRefusalsAreFewLines: however many requests are refused, and whatever they carry, the log has one short line of each
// reason in a second. The metric counts them all.
func TestRefusalsAreFewLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log reexec.Log // written by timers
		registry := prometheus.NewRegistry()
		refusals := guard.NewRefusals(registry, slog.New(slog.NewTextHandler(&log, nil)))
		next := http.NotFoundHandler()
		long := strings.Repeat("\x1bx", 15<<10)
		for range 1000 {
			r := httptest.NewRequest(http.MethodPost, "/"+strings.Repeat("x", 10_000), nil)
			r.Header.Set("Origin", long)
			guard.SameOrigin(next, refusals).ServeHTTP(httptest.NewRecorder(), r)
			r.Host = long
			guard.LocalHosts(next, nil, refusals).ServeHTTP(httptest.NewRecorder(), r)
		}
		synctest.Wait()
		if got := log.String(); strings.Count(got, "\n") != 2 || len(got) > 3000 || strings.Contains(got, "\x1b") {
			t.Errorf("the log has %d bytes: %.4000q, want two short lines", len(got), got)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range families[0].GetMetric() {
			reason := guard.Reason(m.GetLabel()[0].GetValue())
			want := 0.0
			if reason == guard.OtherSite || reason == guard.OtherHost {
				want = 1000
			}
			if got := m.GetCounter().GetValue(); got != want {
				t.Errorf("%s: %v refusals, want %v", reason, got, want)
			}
		}
		time.Sleep(3 * time.Second) // until the timers have ended
	})
}

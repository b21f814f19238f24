package server

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/server/certificate"
)

// dialFrom opens a connection from an address of this machine.
func dialFrom(t *testing.T, from string, l *listener) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", l.tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// overBoth runs a test of a listener without TLS and of one with it, with connections of HTTP/1.1.
func overBoth(t *testing.T, test func(t *testing.T, pair *certificate.Pair, dial dialer)) {
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		test(t, nil, dialFrom)
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		authority, pair := certified(t)
		test(t, pair, func(t *testing.T, from string, l *listener) net.Conn {
			return tls.Client(dialFrom(t, from, l), authority.Config("http/1.1"))
		})
	})
}

// dialer opens a connection from an address of this machine.
type dialer func(t *testing.T, from string, l *listener) net.Conn

// exchange sends a request on a connection and returns the head of the response; nil if the connection ends instead.
func exchange(t *testing.T, conn net.Conn, head string) *http.Response {
	t.Helper()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n"+head+"\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	_ = response.Body.Close()
	return response
}

// refusalsOf returns a Refusals, and a function that returns how often it has noted a reason.
func refusalsOf(t *testing.T) (*guard.Refusals, func(guard.Reason) int) {
	t.Helper()
	registry := prometheus.NewRegistry()
	refusals := guard.NewRefusals(registry, slog.New(slog.DiscardHandler))
	return refusals, func(reason guard.Reason) int {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range families[0].GetMetric() {
			if m.GetLabel()[0].GetValue() == string(reason) {
				return int(m.GetCounter().GetValue())
			}
		}
		t.Fatalf("no series of %s", reason)
		return 0
	}
}

// holding is a handler whose requests last until the test lets them go.
func holding() (handler http.Handler, begun <-chan struct{}, proceed chan struct{}) {
	began := make(chan struct{}, 100)
	proceed = make(chan struct{})
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		select {
		case <-proceed:
		case <-r.Context().Done():
		}
	}), began, proceed
}

// TestConnectionsOfOneClient: a client has at most half of the connections, and others get theirs. What is refused gets
// a 503 that says when to come again.
func TestConnectionsOfOneClient(t *testing.T) {
	t.Parallel()
	overBoth(t, testConnectionsOfOneClient)
}

func testConnectionsOfOneClient(t *testing.T, pair *certificate.Pair, dial dialer) {
	refusals, refused := refusalsOf(t)
	handler, begun, proceed := holding()
	l, _ := startWith(t, listening{
		maxConnections: 8,
		refusals:       refusals,
		pair:           pair,
	}, handler)
	done := make(chan int, 8)
	hold := func(from string) {
		conn := dial(t, from, l)
		go func() {
			if response := exchange(t, conn, ""); response != nil {
				done <- response.StatusCode
			}
		}()
		<-begun
	}
	wantRefused := func(from string, reason guard.Reason) {
		t.Helper()
		before := refused(reason)
		response := exchange(t, dial(t, from, l), "")
		if response == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
			t.Errorf("a connection from %s: %v, want 503 with Retry-After", from, response)
		}
		if got := refused(reason) - before; got != 1 {
			t.Errorf("%d refusals for %s, want 1", got, reason)
		}
	}
	for range 4 {
		hold("127.0.0.1")
	}
	wantRefused("127.0.0.1", guard.ClientConnections)
	for range 2 {
		hold("127.0.0.2")
		hold("127.0.0.3")
	}
	wantRefused("127.0.0.2", guard.Connections)
	close(proceed)
	for range 8 {
		if status := <-done; status != http.StatusOK {
			t.Errorf("a held request got %d, want 200", status)
		}
	}
}

// TestConnectionsOfProxy: one proxy may have all connections.
func TestConnectionsOfProxy(t *testing.T) {
	t.Parallel()
	handler, begun, proceed := holding()
	defer close(proceed)
	proxies := guard.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
	l, _ := startWith(t, listening{maxConnections: 4, proxies: proxies}, handler)
	for range 4 {
		conn := dialFrom(t, "127.0.0.1", l)
		go exchange(t, conn, "")
		<-begun
	}
}

// TestIdleConnectionsGiveWay: a client that keeps connections open and idle does not keep others out, nor itself.
func TestIdleConnectionsGiveWay(t *testing.T) {
	t.Parallel()
	overBoth(t, testIdleConnectionsGiveWay)
}

func testIdleConnectionsGiveWay(t *testing.T, pair *certificate.Pair, dial dialer) {
	l, _ := startWith(t, listening{maxConnections: 4, pair: pair}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var idle []net.Conn
	for i := range 20 {
		conn := dial(t, fmt.Sprintf("127.0.0.%d", 1+i%3), l)
		if response := exchange(t, conn, ""); response == nil || response.StatusCode != http.StatusOK {
			t.Fatalf("connection %d: %v, want 200", i, response)
		}
		idle = append(idle, conn)
	}
	if _, err := idle[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the first connection: %v, want it closed", err)
	}
}

// TestManyRefusedConnections: connections that are refused do not accumulate, although their clients do not leave.
func TestManyRefusedConnections(t *testing.T) {
	t.Parallel()
	refusals, refused := refusalsOf(t)
	handler, begun, proceed := holding()
	defer close(proceed)
	l, _ := startWith(t, listening{maxConnections: 1, refusals: refusals}, handler)
	first := dialFrom(t, "127.0.0.1", l)
	go exchange(t, first, "")
	<-begun
	const many = 3 * maxFarewells
	conns := make([]net.Conn, many)
	for i := range conns {
		conns[i] = dialFrom(t, "127.0.0.1", l)
	}
	told := 0
	for _, conn := range conns { // silent ones are closed, without a response, or with one if many are open
		text, err := io.ReadAll(conn)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		if string(text) == refusal {
			told++
		}
	}
	if told == 0 || told > many-maxFarewells {
		t.Errorf("%d of %d were told at once, want all but %d", told, many, maxFarewells)
	}
	if got := refused(guard.Connections); got != many {
		t.Errorf("%d refusals, want %d", got, many)
	}
}

// TestHeads: a head of 32 KiB is accepted; a larger one, and one of too many fields, get a response and take no memory.
func TestHeads(t *testing.T) {
	t.Parallel()
	overBoth(t, testHeads)
}

func testHeads(t *testing.T, pair *certificate.Pair, dial dialer) {
	l, _ := startWith(t, listening{pair: pair}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	field := func(bytes int) string { return "X: " + strings.Repeat("x", bytes-len("X: \r\n")) + "\r\n" }
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%x:\r\n", i)
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		head string
		want int
	}{
		"31 KiB":          {field(31 << 10), http.StatusOK},
		"33 KiB":          {field(33 << 10), http.StatusRequestHeaderFieldsTooLarge},
		"1 MiB":           {field(1 << 20), http.StatusRequestHeaderFieldsTooLarge},
		"99 fields":       {many(99), http.StatusOK},
		"101 fields":      {many(101), http.StatusRequestHeaderFieldsTooLarge},
		"100 of one name": {strings.Repeat("X: y\r\n", 101), http.StatusRequestHeaderFieldsTooLarge},
		"5,000 fields":    {many(5000), http.StatusBadRequest},
	} {
		conn := dial(t, "127.0.0.1", l)
		got := 0
		if response := exchange(t, conn, test.head); response != nil {
			got = response.StatusCode
		}
		if got != test.want {
			t.Errorf("%s: status %d, want %d", name, got, test.want)
		}
		_ = conn.Close()
	}
}

// TestLinesOfBodies: the bound of the lines of a head is none for bodies, nor for the requests of one connection.
func TestLinesOfBodies(t *testing.T) {
	t.Parallel()
	_, url := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); n != 100_000 || err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	for range 10 {
		response, err := http.Post(url, "text/plain", strings.NewReader(strings.Repeat("\n", 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("status %s, want 200", response.Status)
		}
	}
}

package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/internal/testdb"
)

// TestLinesOfHeads: a head may have so many lines and no more; what is no head, any number.
func TestLinesOfHeads(t *testing.T) {
	t.Parallel()
	var h head
	read := func(lines int) error {
		n, err := h.read(strings.NewReader(strings.Repeat("\n", lines)), make([]byte, lines))
		if err == nil && n != lines {
			t.Fatalf("%d bytes were read, want %d", n, lines)
		}
		return err
	}
	for range 2 { // a connection has many requests
		h.begin(true)
		for _, lines := range []int{maxLines - 1, 1, 1} {
			if err := read(lines); err != nil {
				t.Errorf("%d lines of a head: %v, want nil", lines, err)
			}
		}
		if err := read(1); !errors.Is(err, errLines) {
			t.Errorf("more lines than a head may have: %v, want %v", err, errLines)
		}
	}
	h.begin(false)
	for range 3 {
		if err := read(maxLines); err != nil {
			t.Errorf("lines of a body: %v, want nil", err)
		}
	}
}

// TestHeadsOfOneConnection: the lines of each head of a connection are counted, not only those of the first.
func TestHeadsOfOneConnection(t *testing.T) {
	t.Parallel()
	l, _ := startWith(t, listening{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	conn := dialFrom(t, "127.0.0.1", l)
	for n, want := range []int{http.StatusOK, http.StatusOK, http.StatusBadRequest} {
		head := ""
		if want != http.StatusOK {
			head = strings.Repeat("a:\r\n", 5000)
		}
		if response := exchange(t, conn, head); response == nil || response.StatusCode != want {
			t.Errorf("request %d: %v, want %d", n, response, want)
		}
	}
}

// TestOwnIdleConnectionGivesWay: a client that has as many connections as it may loses its own that is idle, not that of
// another client, whatever has been idle for longer.
func TestOwnIdleConnectionGivesWay(t *testing.T) {
	t.Parallel()
	handler, begun, proceed := holding()
	defer close(proceed)
	mux := http.NewServeMux()
	mux.Handle("/held", handler)
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	l, _ := startWith(t, listening{maxConnections: 4}, mux)
	idle := func(from string) net.Conn {
		conn := dialFrom(t, from, l)
		if response := exchange(t, conn, ""); response == nil || response.StatusCode != http.StatusOK {
			t.Fatalf("a connection from %s: %v, want 200", from, response)
		}
		return conn
	}
	other := idle("127.0.0.2")
	held := dialFrom(t, "127.0.0.1", l)
	_, _ = io.WriteString(held, "GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
	<-begun
	own := idle("127.0.0.1")
	newcomer := func() bool {
		response := exchange(t, dialFrom(t, "127.0.0.1", l), "")
		return response != nil && response.StatusCode == http.StatusOK
	}
	for deadline := time.Now().Add(10 * time.Second); !newcomer() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // the server has sent a response before it knows that the connection is idle
	}
	if _, err := own.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the client's own idle connection: %v, want it closed", err)
	}
	if response := exchange(t, other, ""); response == nil || response.StatusCode != http.StatusOK {
		t.Errorf("the idle connection of another client: %v, want it open", response)
	}
}

// TestBusyConnectionStays: a connection that was idle and has a request gives its place to no other, and one that gives
// it does so once.
func TestBusyConnectionStays(t *testing.T) {
	t.Parallel()
	l := newConnections(nil, 8, guard.Proxies{}, nil)
	conns := make([]*connection, 4)
	for i := range conns {
		conns[i] = &connection{}
		l.changed(conns[i], http.StateIdle)
	}
	l.changed(conns[0], http.StateActive)
	l.changed(conns[2], http.StateActive)
	l.changed(conns[2], http.StateIdle)
	for _, want := range []*connection{conns[1], conns[3], conns[2], nil} {
		if got := l.takeIdle(netip.Addr{}, guard.Connections); got != want {
			t.Errorf("%p gives its place, want %p of %p", got, want, conns)
		}
	}
}

// TestRequestsThatCount: requests by HTTP/2 are bounded, as many as connections may be; those by HTTP/1.1 are not, each
// has a connection that is.
func TestRequestsThatCount(t *testing.T) {
	t.Parallel()
	refusals, _ := refusalsOf(t)
	handler, begun, proceed := holding()
	mux := http.NewServeMux()
	mux.Handle("/held", handler)
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	requests := requestsOf(mux, 2, refusals) // one of each client
	conn := &connection{client: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	send := func(path string, conn net.Conn, major int) int {
		r := httptest.NewRequestWithContext(withConnection(t.Context(), conn), http.MethodGet, path, nil)
		r.ProtoMajor = major
		w := httptest.NewRecorder()
		requests.ServeHTTP(w, r)
		return w.Code
	}
	held := make(chan int, 1)
	go func() { held <- send("/held", conn, 2) }()
	<-begun
	if got := send("/", conn, 2); got != http.StatusTooManyRequests {
		t.Errorf("a second request by HTTP/2: %d, want 429", got)
	}
	if got := send("/", conn, 1); got != http.StatusOK {
		t.Errorf("a request by HTTP/1.1: %d, want 200", got)
	}
	if got := send("/", &net.TCPConn{}, 2); got != http.StatusOK {
		t.Errorf("a request of a connection without a place: %d, want 200", got)
	}
	close(proceed)
	if got := <-held; got != http.StatusOK {
		t.Errorf("the first request by HTTP/2: %d, want 200", got)
	}
}

// TestClientCertificates: a listener asks for the certificates of clients if its owner wants to see them.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	for clients, want := range map[tls.ClientAuthType]int{tls.NoClientCert: 0, tls.RequestClientCert: 1} {
		got := make(chan int, 1)
		_, url := startWith(t, listening{pair: pair, clients: clients}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got <- len(r.TLS.PeerCertificates)
		}))
		client := clientFrom(t, "127.0.0.1", authority)
		client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{authority.Client("front proxy")}
		if code, err := status(t.Context(), client, url); code != http.StatusOK || err != nil {
			t.Fatalf("a request: %d, %v, want 200", code, err)
		}
		if n := <-got; n != want {
			t.Errorf("%v: %d certificates of the client, want %d", clients, n, want)
		}
	}
}

// TestFailedHandshakes: a handshake that fails is told, but not that of a client that left, nor what the end of the
// listener ends.
func TestFailedHandshakes(t *testing.T) {
	t.Parallel()
	_, pair := certified(t)
	tcp, err := listening{addr: "127.0.0.1:0"}.bind(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 10)
	s := newSecure(tcp, pair.Config("h2", "http/1.1"), func(_ net.Addr, err error) { told <- err })
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	_ = dial().Close() // it leaves
	response := func(request string) string {
		conn := dial()
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, request)
		text, _ := io.ReadAll(conn)
		return string(text)
	}
	for _, method := range []string{"ACL", "GET", "ZAP"} { // HTTP begins with a capital letter
		if text := response(method + " / HTTP/1.1\r\n\r\n"); text != plaintext {
			t.Errorf("HTTP without TLS got %q, want %q", text, plaintext)
		}
	}
	for _, wrong := range []string{"\xff", "@", "["} {
		if text := response(wrong + "\x00\x00\x00\x00\x00\x00\x00"); text == plaintext {
			t.Errorf("%q got %q, want no response of HTTP", wrong, text)
		}
		if err := <-told; !errors.As(err, new(tls.RecordHeaderError)) {
			t.Errorf("the handshake that failed: %v, want no TLS", err)
		}
	}
	stops := dial()
	defer func() { _ = stops.Close() }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept() of a closed listener: %v, want %v", err, net.ErrClosed)
	}
	_, _ = io.Copy(io.Discard, stops)
	if len(told) != 0 {
		t.Errorf("told of %v as well, want of one handshake", <-told)
	}
}

// TestBoundsOfHTTP2: what connections may send before it is read is bounded in all, as far as the protocol lets it be.
func TestBoundsOfHTTP2(t *testing.T) {
	t.Parallel()
	for connections, want := range map[int]int{
		0:      http2Window,
		1:      maxWindow,
		1024:   http2Unread / 1024,
		100000: http2Window,
	} {
		c := http2Config(connections)
		if c.MaxReceiveBufferPerConnection != want || c.MaxReceiveBufferPerStream != want || c.MaxDecoderHeaderTableSize == 0 {
			t.Errorf("%d connections: %+v, want windows of %d", connections, c, want)
		}
	}
}

// TestListenerBounds: heads, pauses between requests and responses are bounded, and what stops waits for a while.
func TestListenerBounds(t *testing.T) {
	t.Parallel()
	l, _ := startWith(t, listening{writeTimeout: time.Minute}, http.NotFoundHandler())
	if s := l.http; s.ReadHeaderTimeout < time.Second || s.IdleTimeout < time.Second || s.WriteTimeout != time.Minute {
		t.Errorf("timeouts %v, %v, %v, want each", s.ReadHeaderTimeout, s.IdleTimeout, s.WriteTimeout)
	}
	p, _ := withPool(t, testdb.New(t))
	for name, c := range map[string]listening{"the API": p.apiListening(), "operators": p.opsListening()} {
		if (c.writeTimeout > 0) != (name == "operators") || c.refusals != p.refusals || c.log != p.log {
			t.Errorf("the listener of %s is %+v", name, c)
		}
	}
}

// TestStartOps: what operators ask is served at its address, which is taken by one process only, and its requests do not
// hold up the end of the process.
func TestStartOps(t *testing.T) {
	t.Parallel()
	start := func(addr string) (*Process, error) {
		p, _ := withPool(t, testdb.New(t))
		p.config.OpsAddr = addr
		p.registry = prometheus.NewRegistry()
		p.draining = newDraining()
		p.ready = newReadiness(p.pool, p.draining)
		err := p.startOps(t.Context())
		if err == nil {
			t.Cleanup(func() { _ = p.ops.stop() })
		}
		return p, err
	}
	p, err := start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(p.OpsURL() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || p.ops.gracePeriod != opsStop {
		t.Errorf("/livez: %s, with a grace period of %s, want 200 and %s", response.Status, p.ops.gracePeriod, opsStop)
	}
	if _, err := start(p.ops.tcp.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another process at the same address: %v, want %v", err, syscall.EADDRINUSE)
	}
}

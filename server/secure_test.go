package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/internal/testtls"
	"github.com/millrace/millrace/server/certificate"
)

// certified returns an authority and a certificate that it has signed.
func certified(t *testing.T) (*testtls.Authority, *certificate.Pair) {
	t.Helper()
	authority := testtls.New(t)
	files := certificate.Files{}
	files.TLSCert, files.TLSKey = authority.Issue(t.TempDir(), time.Now().Add(time.Hour))
	pair, err := certificate.Open(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return authority, pair
}

// clientFrom returns a client of HTTP/2 with a connection of its own, from an address of this machine.
func clientFrom(t *testing.T, from string, authority *testtls.Authority) *http.Client {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   authority.Config(),
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// status sends a GET by HTTP/2 and returns the status of the response.
func status(ctx context.Context, client *http.Client, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	_ = response.Body.Close()
	if response.ProtoMajor != 2 {
		return 0, fmt.Errorf("the response came by %s, want HTTP/2", response.Proto)
	}
	return response.StatusCode, nil
}

// TestTLSVersions: TLS before 1.2 is refused, and a client that does not speak TLS is told so.
func TestTLSVersions(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	l, url := startWith(t, listening{pair: pair}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.TLS.Version == tls.VersionTLS12)
	}))
	for version, accepted := range map[uint16]bool{
		tls.VersionTLS10: false,
		tls.VersionTLS11: false,
		tls.VersionTLS12: true,
		tls.VersionTLS13: true,
	} {
		config := authority.Config("http/1.1")
		config.MinVersion, config.MaxVersion = version, version
		conn := tls.Client(dialFrom(t, "127.0.0.1", l), config)
		if err := conn.Handshake(); (err == nil) != accepted {
			t.Errorf("%s: %v, want it accepted: %t", tls.VersionName(version), err, accepted)
		}
	}
	response, err := http.Get("http" + strings.TrimPrefix(url, "https"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "https://") {
		t.Errorf("without TLS: %s, %q, %v, want 400 that names https", response.Status, text, err)
	}
}

// TestSlowHandshakes: clients that do not go on with their handshakes keep no others out.
func TestSlowHandshakes(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	l, url := startWith(t, listening{pair: pair}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for range 50 {
		dialFrom(t, "127.0.0.1", l)
	}
	if got, err := status(t.Context(), clientFrom(t, "127.0.0.1", authority), url); got != http.StatusOK {
		t.Errorf("a request beside slow handshakes: %d, %v, want 200", got, err)
	}
	slow := dialFrom(t, "127.0.0.1", l)
	if err := l.stop(); err != nil {
		t.Errorf("stop() = %v, want nil", err)
	}
	if _, err := slow.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a handshake when the listener stops: %v, want its end", err)
	}
}

// TestStreams: a connection of HTTP/2 has at most 100 requests at once.
func TestStreams(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	const requests = http2Streams + 50
	var mu sync.Mutex
	conns := map[string]int{}
	begun := make(chan struct{}, requests)
	proceed := make(chan struct{})
	_, url := startWith(t, listening{pair: pair}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		conns[r.RemoteAddr]++
		mu.Unlock()
		begun <- struct{}{}
		<-proceed
	}))
	client := clientFrom(t, "127.0.0.1", authority)
	var clients sync.WaitGroup
	for range requests {
		clients.Go(func() {
			if got, err := status(t.Context(), client, url); got != http.StatusOK {
				t.Errorf("a request: %d, %v, want 200", got, err)
			}
		})
		<-begun
	}
	close(proceed)
	clients.Wait()
	for conn, n := range conns {
		if n > http2Streams {
			t.Errorf("%d requests at once of the connection from %s, want at most %d", n, conn, http2Streams)
		}
	}
	if len(conns) < 2 {
		t.Errorf("%d requests at once came over one connection", requests)
	}
}

// TestRequestsOfOneClient: a client has at most half of the requests in flight, over one connection of HTTP/2 as over
// many of HTTP/1.1, and others get theirs.
func TestRequestsOfOneClient(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	refusals, refused := refusalsOf(t)
	handler, begun, proceed := holding()
	_, url := startWith(t, listening{
		pair:           pair,
		maxConnections: 8,
		refusals:       refusals,
	}, handler)
	done := make(chan int, 8)
	clients := map[string]*http.Client{}
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		clients[from] = clientFrom(t, from, authority)
	}
	hold := func(from string) {
		go func() {
			got, err := status(t.Context(), clients[from], url)
			if err != nil {
				t.Errorf("a request from %s: %v", from, err)
			}
			done <- got
		}()
		<-begun
	}
	wantRefused := func(from string, reason guard.Reason, want int) {
		t.Helper()
		before := refused(reason)
		if got, err := status(t.Context(), clients[from], url); got != want {
			t.Errorf("a request from %s: %d, %v, want %d", from, got, err, want)
		}
		if got := refused(reason) - before; got != 1 {
			t.Errorf("%d refusals for %s, want 1", got, reason)
		}
	}
	for range 4 {
		hold("127.0.0.1")
	}
	wantRefused("127.0.0.1", guard.ClientConnections, http.StatusTooManyRequests)
	for range 2 {
		hold("127.0.0.2")
		hold("127.0.0.3")
	}
	wantRefused("127.0.0.2", guard.Connections, http.StatusServiceUnavailable)
	close(proceed)
	for range 8 {
		if got := <-done; got != http.StatusOK {
			t.Errorf("a held request got %d, want 200", got)
		}
	}
}

// TestIdleHTTP2GivesWay: a connection of HTTP/2 without requests gives its place to a new one.
func TestIdleHTTP2GivesWay(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	_, url := startWith(t, listening{pair: pair, maxConnections: 4}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for i := range 12 {
		client := clientFrom(t, fmt.Sprintf("127.0.0.%d", 1+i%3), authority)
		if got, err := status(t.Context(), client, url); got != http.StatusOK {
			t.Fatalf("connection %d: %d, %v, want 200", i, got, err)
		}
	}
}

// TestHeadsOfHTTP2: the bounds of a head are those of HTTP/1.1.
func TestHeadsOfHTTP2(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	_, url := startWith(t, listening{pair: pair}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	client := clientFrom(t, "127.0.0.1", authority)
	for name, test := range map[string]struct {
		fields, bytes, want int
	}{
		"27 KiB":     {1, 27 << 10, http.StatusOK},
		"64 KiB":     {1, 64 << 10, 0},
		"90 fields":  {90, 1, http.StatusOK},
		"101 fields": {101, 1, http.StatusRequestHeaderFieldsTooLarge},
		"5,000":      {5000, 1, 0},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range test.fields {
			r.Header.Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", test.bytes))
		}
		got := 0
		if response, err := client.Do(r); err == nil {
			got = response.StatusCode
			_ = response.Body.Close()
		}
		if got != test.want && (test.want != 0 || got != http.StatusRequestHeaderFieldsTooLarge) {
			t.Errorf("%s: status %d, want %d", name, got, test.want)
		}
	}
}

// endless is a body that counts what was taken of it.
type endless struct{ taken atomic.Int64 }

// Read implements io.Reader.
func (e *endless) Read(p []byte) (int, error) {
	e.taken.Add(int64(len(p)))
	return len(p), nil
}

// TestUnreadHTTP2: of bodies that no handler reads a connection takes no more than its window, however many requests it
// has, and a refused body costs its client no response.
func TestUnreadHTTP2(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	handler, begun, proceed := holding()
	_, url := startWith(t, listening{pair: pair, maxConnections: 4096}, handler)
	client := clientFrom(t, "127.0.0.1", authority)
	body := &endless{}
	const requests = 20
	got := make(chan int, requests)
	for range requests {
		go func() {
			response, err := client.Post(url, "text/plain", io.NopCloser(body))
			if err != nil {
				t.Errorf("a request whose body is not read: %v, want a response", err)
				got <- 0
				return
			}
			_ = response.Body.Close()
			got <- response.StatusCode
		}()
		<-begun
	}
	if n := body.taken.Load(); n > http2Window+2*requests*http2Frame { // the client takes what it sends next
		t.Errorf("%d bytes were taken of bodies that are not read, want %d at most", n, http2Window)
	}
	close(proceed)
	for range requests {
		if status := <-got; status != http.StatusOK {
			t.Errorf("status %d, want 200", status)
		}
	}
}

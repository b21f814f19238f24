package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/observe"
)

// The files http_*_test.go try the rules of RFC 9110 and RFC 9112 over sockets, since clients of HTTP send what they
// like. Each file has the rules of one concern.

// rawTimeout bounds the wait for a response. It is less than the timeout of a client that stalls.
const rawTimeout = 20 * time.Second

// rawSite is the whole site as a process serves it, with its metrics and River UI.
type rawSite struct {
	*testBundle
	address string
}

func setupRaw(t *testing.T) *rawSite {
	t.Helper()
	b := setupSite(t, true)
	server := httptest.NewUnstartedServer(observe.Requests(b.handler, prometheus.NewRegistry()))
	server.Listener = guard.Linger(server.Listener)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(b.hub.Stop)
	return &rawSite{testBundle: b, address: server.Listener.Addr().String()}
}

// rawRoute is a method and a path of the site.
type rawRoute struct{ method, path string }

// rawRoutes returns each operation of the description, on resources that do not exist, the pages and River UI.
func rawRoutes(t *testing.T) []rawRoute {
	t.Helper()
	var all []rawRoute
	for _, pattern := range slices.Sorted(maps.Keys(describedAPI(t).routes)) {
		route := describedAPI(t).routes[pattern]
		all = append(all, rawRoute{route.Method, strings.Replace(route.Path, "{id}", uuid.Nil.String(), 1)})
	}
	for _, path := range []string{
		"/", "/docs/", "/docs", "/assets/home.js", "/openapi.json", "/openapi.yaml", "/riverui/",
	} {
		all = append(all, rawRoute{http.MethodGet, path})
	}
	return append(all,
		rawRoute{http.MethodPost, "/riverui/api/jobs/cancel"},
		rawRoute{http.MethodPut, "/riverui/api/queues/none/pause"},
		rawRoute{http.MethodPost, "/matrix_multiplication"},
		rawRoute{http.MethodPost, "/v1/matrices/"},
	)
}

// rawConn is a connection to a site.
type rawConn struct {
	net.Conn
	reader *bufio.Reader
}

func (s *rawSite) connect(t *testing.T) *rawConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(rawTimeout))
	return &rawConn{conn, bufio.NewReader(conn)}
}

// head returns a request line with a Host and other headers, which end in CRLF.
func (r rawRoute) head(headers ...string) string {
	lines := append([]string{r.method + " " + r.path + " HTTP/1.1", "Host: 127.0.0.1"}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// response reads a response to a request with the given method, interim or final.
func (c *rawConn) response(method string) (received, error) {
	r, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return received{Response: &http.Response{}}, err
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	return received{r, body}, err
}

// ask sends bytes on a new connection and returns the response to the request that they begin with.
func (s *rawSite) ask(t *testing.T, text string) received {
	t.Helper()
	a, err := s.tryToAsk(t, text)
	if err != nil {
		t.Fatalf("%.200q: %v, want a response", text, err)
	}
	return a
}

func (s *rawSite) tryToAsk(t *testing.T, text string) (received, error) {
	t.Helper()
	c := s.connect(t)
	if _, err := io.WriteString(c, text); err != nil {
		return received{Response: &http.Response{}}, fmt.Errorf("sending: %w", err)
	}
	method, _, _ := strings.Cut(text, " ")
	return c.response(method)
}

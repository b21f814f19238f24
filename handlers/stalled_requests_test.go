package handlers

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers/apidoc"
	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// stall is a timeout that tests can let pass.
const stall = 100 * time.Millisecond

// dial opens a connection and sends the beginning of a request.
func dial(t *testing.T, server *httptest.Server, head string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// trickle sends a byte now and then, until the server closes the connection.
func trickle(conn net.Conn) {
	for {
		time.Sleep(stall / 10) // the client is slow: that is what the tests are about
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
	}
}

// serveAPI serves the API behind stall limits.
func serveAPI(t *testing.T, timeout time.Duration) (*httptest.Server, *store.Store) {
	t.Helper()
	pool := testdb.New(t)
	s := store.Open(pool, blocks.NewPostgres(pool), time.Hour)
	log := slog.New(slog.DiscardHandler)
	client, err := jobs.NewClient(s, tile.NewEngine(blas.Builtin()), queue.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	routes := auth.NewRoutes()
	a := &API{
		store:  s,
		jobs:   client,
		limits: Limits{MaxMatrixBytes: 1 << 30},
		log:    log,
		auth:   auth.New(auth.Config{}),
	}
	a.register(humago.New(routes, apidoc.Config()), routes)
	server := httptest.NewServer(payload.WithStallLimits(withDeadlines(guard.Problems(routes, nil), nil, a.auth), timeout))
	t.Cleanup(server.Close)
	return server, s
}

// fileBytes is the size of the file that beginning begins.
const fileBytes = 8_000_128

// beginning returns the first bytes of a .npy file, so many that some are in the block store.
func beginning() string {
	shape := matrix.Shape{
		Rows:  1000,
		Cols:  1000,
		DType: matrix.Float64,
	}
	return string(npy.AppendHeader(nil, shape)) + strings.Repeat("x", 100_000)
}

// smallOrder is a multiplication of small matrices.
const smallOrder = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`

// TestStalledRequests: each route that takes a body returns 408 to a client that sends too slowly, and stores nothing.
func TestStalledRequests(t *testing.T) {
	t.Parallel()
	server, s := serveAPI(t, stall)
	npy := beginning()
	part := "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"
	for _, c := range []struct{ path, contentType, body string }{
		{"/v1/matrices", resource.MediaNPY, npy},
		{"/v1/matrices", resource.MediaNPY, npy[:10]},
		{"/v1/matrices", resource.MediaJSON, "[[1" + strings.Repeat(", 1", 20_000) + "], [1, "},
		{"/v1/multiplications", resource.MediaJSON, `{"a": {"values": [[1`},
		{"/v1/multiplications", resource.MediaJSON, ``},
		{"/v1/multiplications", resource.MediaMultipart + "; boundary=x", part + npy},
		{"/v1/multiplications", resource.MediaMultipart + "; boundary=x", part[:20]},
		{"/matrix_multiplication/", resource.MediaJSON, `{"A": [`},
		{"/v1/multiplications:batch", resource.MediaJSON, "[" + smallOrder + ","},
		{"/v1/multiplications:batch", resource.MediaNDJSON, smallOrder + "\n" + smallOrder},
	} {
		for _, key := range []string{"", "Idempotency-Key: k\r\n"} {
			conn := dial(t, server, fmt.Sprintf(
				"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
				c.path, c.contentType, key, fileBytes, c.body))
			go trickle(conn)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s %.30q: error %v, want a response", c.path, c.body, err)
				continue
			}
			text, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			kind := response.Header.Get("Content-Type")
			if response.StatusCode != http.StatusRequestTimeout || kind != resource.MediaProblem {
				t.Errorf("%s %.30q: %s %s %s, want a problem with status 408", c.path, c.body, response.Status, kind, text)
			}
			_ = conn.Close()
		}
	}
	var left int
	const sql = `SELECT (SELECT count(*) FROM matrices) + (SELECT count(*) FROM blocks)
		+ (SELECT count(*) FROM inline_pending)`
	err := s.Pool.QueryRow(t.Context(), sql).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d rows are left, error %v, want none", left, err)
	}
}

// TestStalledHoldNothing: uploads that stall hold no connection to the database.
func TestStalledHoldNothing(t *testing.T) {
	t.Parallel()
	server, s := serveAPI(t, time.Hour)
	const clients = 5
	for range clients {
		dial(t, server, fmt.Sprintf(
			"POST /v1/matrices HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-npy\r\nContent-Length: %d\r\n\r\n%s",
			fileBytes, beginning()))
	}
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var uploading int
		const sql = "SELECT count(*) FROM matrices WHERE state = 'uploading'"
		if err := s.Pool.QueryRow(t.Context(), sql).Scan(&uploading); err != nil {
			t.Fatal(err)
		}
		held := s.Pool.Stat().AcquiredConns()
		if uploading == clients && held == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%d uploads hold %d connections, want %d that hold none", uploading, held, clients)
		}
	}
}

// TestStalledJSON: a client that does not receive JSON loses its connection in the middle, and holds nothing then.
func TestStalledJSON(t *testing.T) {
	t.Parallel()
	server, s := serveAPI(t, stall)
	memory := prometheus.NewRegistry()
	s.Observe(memory)
	file := append(npy.AppendHeader(nil, matrix.Shape{
		Rows:  2000,
		Cols:  2000,
		DType: matrix.Float64,
	}), bytes.Repeat([]byte("12345678"), 2000*2000)...)
	response, err := server.Client().Post(server.URL+"/v1/matrices", resource.MediaNPY, bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	conn := dial(t, server, fmt.Sprintf(
		"GET %s/content HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n", response.Header.Get("Location")))
	response, err = http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v, want a response that begins", response, err)
	}
	held := func() float64 {
		families, err := memory.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "millrace_transfer_memory_bytes" {
				return f.Metric[0].GetGauge().GetValue()
			}
		}
		t.Fatal("no metric of the memory of transfers")
		return 0
	}
	for limit := time.Now().Add(time.Minute); held() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the client still holds %v bytes", held())
		}
	}
	if rest, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("%d bytes seem to be all", len(rest))
	}
}

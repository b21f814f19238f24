package handlers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/millrace/millrace/devdb/testdb"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

// stall is a timeout that tests can afford to let pass.
const stall = 100 * time.Millisecond

// serveStalling serves a handler behind deadlines.
func serveStalling(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(withDeadlines(handler, stall))
	t.Cleanup(server.Close)
	return server
}

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

// trickle sends a byte now and then, until the server has had enough.
func trickle(conn net.Conn) {
	for {
		time.Sleep(stall / 10)
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
	}
}

func TestStalledUpload(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	server := serveStalling(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	}))
	for name, after := range map[string]func(net.Conn){"stalled": func(net.Conn) {}, "trickled": trickle} {
		conn := dial(t, server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nand no more")
		go after(conn)
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A client that sends a quantum now and then, and a little at the end, may take as long as it likes.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	got := make(chan int64, 100)
	server := httptest.NewServer(withDeadlines(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			n, err := io.CopyN(io.Discard, r.Body, stallQuantum)
			if n > 0 {
				got <- n
			}
			if err != nil {
				_, _ = fmt.Fprint(w, err)
				return
			}
		}
	}), timeout))
	t.Cleanup(server.Close)
	const quanta = 4
	conn := dial(t, server, fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", quanta*stallQuantum+5))
	for i := range quanta + 1 {
		time.Sleep(timeout * 2 / 5)
		if _, err := conn.Write(make([]byte, map[bool]int{true: stallQuantum, false: 5}[i < quanta])); err != nil {
			t.Fatal(err)
		}
		<-got
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); string(text) != "EOF" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

// The time that a handler takes between two reads is not the client's.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	server := serveStalling(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for {
			time.Sleep(stall * 3 / 2)
			if _, err := r.Body.Read(make([]byte, 1)); err != nil {
				read <- err
				return
			}
		}
	}))
	dial(t, server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nall")
	if err := <-read; err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		t.Errorf("got %v", err)
	}
}

// A client that takes an answer byte by byte, or not at all, is given up.
func TestStalledDownload(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	}))
	for name, pause := range map[string]time.Duration{"stalled": time.Hour, "trickled": stall / 10} {
		conn := dial(t, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		ended := make(chan struct{})
		go func() {
			for {
				select {
				case <-ended:
					return
				case <-time.After(pause):
				}
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					return
				}
			}
		}()
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: got %v", name, err)
		}
		close(ended)
	}
}

// A handler that sets the deadlines of its answer itself is left to it.
func TestOwnDeadline(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
			failed <- err
			return
		}
		_, err := w.Write([]byte("x"))
		if err == nil {
			err = control.Flush()
		}
		failed <- err
	}))
	dial(t, server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A body that nobody reads holds nothing up.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		_, _ = w.Write(make([]byte, 1<<20))
	}))
	dial(t, server, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	<-ended
}

// A client that waits for an answer does not stall, however long the answer takes.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(stall / 2)
		_, _ = r.Body.Read(make([]byte, 1)) // to be sure that nothing follows, as a reader of JSON does
		select {
		case <-r.Context().Done():
			w.WriteHeader(http.StatusGone)
		case <-time.After(3 * stall):
		}
	}))
	for range 2 {
		response, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("all of it"))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Error("the request was cancelled")
		}
	}
}

// What a handler has written long before it ends is sent all the same.
func TestSlowEnd(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("all of it"))
		time.Sleep(2 * stall)
	}))
	for range 2 {
		response, err := server.Client().Post(server.URL, "", nil) // which the client does not try again
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(text) != "all of it" || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
	}
}

// serveAPI serves the API behind deadlines.
func serveAPI(t *testing.T, timeout time.Duration) (*httptest.Server, *store.Store) {
	t.Helper()
	pool := testdb.New(t)
	s := store.Open(pool, store.NewPostgresBlocks(pool), time.Hour)
	kernel, err := blas.Open("builtin")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	client, err := jobs.NewClient(s, tile.NewEngine(kernel), jobs.Config{}, log)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	a := &API{store: s, jobs: client, limits: Limits{MaxMatrixBytes: 1 << 30}, log: log}
	a.register(humago.New(exactMux{mux}, config()))
	server := httptest.NewServer(withDeadlines(withProblems(mux), timeout))
	t.Cleanup(server.Close)
	return server, s
}

// TestStalledRequests: on every route that takes a body a client that sends too slowly is told so, and nothing of it stays.
func TestStalledRequests(t *testing.T) {
	t.Parallel()
	server, s := serveAPI(t, stall)
	file := string(npy.AppendHeader(nil, matrix.Shape{Rows: 1000, Cols: 1000, DType: matrix.Float64})) + strings.Repeat("x", 100_000)
	part := "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"
	for _, c := range []struct{ path, contentType, body string }{
		{"/v1/matrices", mediaNPY, file},
		{"/v1/matrices", mediaNPY, file[:10]},
		{"/v1/matrices", mediaJSON, "[[1" + strings.Repeat(", 1", 20_000) + "], [1, "},
		{"/v1/multiplications", mediaJSON, `{"a": {"values": [[1`},
		{"/v1/multiplications", mediaJSON, ``},
		{"/v1/multiplications", mediaMultipart + "; boundary=x", part + file},
		{"/v1/multiplications", mediaMultipart + "; boundary=x", part[:20]},
		{"/matrix_multiplication/", mediaJSON, `{"A": [`},
	} {
		for _, key := range []string{"", "Idempotency-Key: k\r\n"} {
			conn := dial(t, server, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%sContent-Length: 8000128\r\n\r\n%s",
				c.path, c.contentType, key, c.body))
			go trickle(conn)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s %.30q: %v", c.path, c.body, err)
				continue
			}
			text, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusRequestTimeout || response.Header.Get("Content-Type") != problemType {
				t.Errorf("%s %.30q: %s %s", c.path, c.body, response.Status, text)
			}
			_ = conn.Close()
		}
	}
	var left int
	err := s.Pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM matrices) + (SELECT count(*) FROM blocks)").Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d rows are left, %v", left, err)
	}
}

// Uploads that stall hold no connection to the database.
func TestStalledHoldNothing(t *testing.T) {
	t.Parallel()
	server, s := serveAPI(t, time.Hour)
	file := string(npy.AppendHeader(nil, matrix.Shape{Rows: 1000, Cols: 1000, DType: matrix.Float64})) + strings.Repeat("x", 100_000)
	const clients = 5
	for range clients {
		dial(t, server, "POST /v1/matrices HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-npy\r\nContent-Length: 8000128\r\n\r\n"+file)
	}
	for limit := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var uploading int
		if err := s.Pool.QueryRow(t.Context(), "SELECT count(*) FROM matrices WHERE state = 'uploading'").Scan(&uploading); err != nil {
			t.Fatal(err)
		}
		held := s.Pool.Stat().AcquiredConns()
		if uploading == clients && held == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%d connections are held by %d uploads", held, uploading)
		}
	}
}

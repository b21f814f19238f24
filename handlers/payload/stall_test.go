package payload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// stall is a timeout that tests can let pass.
const stall = 100 * time.Millisecond

// serveStalling serves a handler behind stall limits.
func serveStalling(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(WithStallLimits(handler, stall))
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

// trickle sends a byte now and then, until the server closes the connection.
func trickle(conn net.Conn) {
	for {
		time.Sleep(stall / 10) // the client is slow: that is what the test is about
		if _, err := conn.Write([]byte(" ")); err != nil {
			return
		}
	}
}

// TestStalledUpload: reading fails for a client that sends nothing more, or less than a quantum in time.
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
			t.Errorf("%s: error %v, want os.ErrDeadlineExceeded", name, err)
		}
	}
}

// TestSlowUpload: a client that sends a quantum in time, and a little at the end, may take any time for the whole.
func TestSlowUpload(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	got := make(chan int64, 100)
	server := httptest.NewServer(WithStallLimits(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		time.Sleep(timeout * 2 / 5) // the client is slow, but in time; the whole takes twice the timeout
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
		t.Errorf("the body ends with %q, %v, want EOF", text, err)
	}
}

// TestSlowHandler: the time that a handler takes between two reads does not count.
func TestSlowHandler(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	server := serveStalling(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for {
			time.Sleep(stall * 3 / 2) // the handler is slow
			if _, err := r.Body.Read(make([]byte, 1)); err != nil {
				read <- err
				return
			}
		}
	}))
	dial(t, server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nall")
	if err := <-read; err != io.EOF { //nolint:errorlint // io.Reader's EOF is never wrapped
		t.Errorf("Read() ends with %v, want EOF", err)
	}
}

// TestStalledDownload: writing fails for a client that receives a response byte by byte, or not at all.
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
			t.Errorf("%s: error %v, want os.ErrDeadlineExceeded", name, err)
		}
		close(ended)
	}
}

// TestOwnDeadline: a handler may set the deadlines of its response itself.
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
		t.Errorf("Write() after the deadline: error %v, want os.ErrDeadlineExceeded", err)
	}
}

// TestUnreadBody: a handler that does not read the body can respond.
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

// TestSlowResponse: a client that waits for its response does not stall, however long that takes.
func TestSlowResponse(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(stall / 2)               // so that the next read sets a deadline of its own
		_, _ = r.Body.Read(make([]byte, 1)) // at the end, as a reader of JSON does
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
			t.Errorf("status %d, want %d: the request was cancelled", response.StatusCode, http.StatusOK)
		}
	}
}

// TestSlowEnd: what a handler has written long before it returns is sent.
func TestSlowEnd(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("all of it"))
		time.Sleep(2 * stall) // the write is in a buffer, and its deadline passes
	}))
	for range 2 {
		response, err := server.Client().Post(server.URL, "", nil) // a POST, which the client does not repeat
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(text) != "all of it" || err != nil {
			t.Errorf("the body is %q, %v, want %q", text, err, "all of it")
		}
	}
}

// TestConnectionAfterDeadline: a connection whose requests would all be cancelled, since a deadline has passed while the
// server waited for its client to hang up, ends with the response.
func TestConnectionAfterDeadline(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		if r.Method == http.MethodPost {
			if err := http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
			<-r.Context().Done()
		}
		if err := r.Context().Err(); err != nil && r.Method == http.MethodGet {
			t.Errorf("the context of the next request: %v, want nil", err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	first, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Body.Close()
	next, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = next.Body.Close()
	if !first.Close || next.Close {
		t.Errorf("the connections are closed: %t, %t, want true, false", first.Close, next.Close)
	}
}

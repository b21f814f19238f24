package payload

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// serveStreams serves a handler behind stall limits by HTTP/2, with one connection for all requests of its client.
func serveStreams(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(WithStallLimits(handler, stall))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// TestStalledStreams: by HTTP/2 a client that stalls loses the stream that stalls, and no other one of its connection.
func TestStalledStreams(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	written := make(chan error, 1)
	conns := make(chan string, 10)
	waiting := make(chan struct{})
	server := serveStreams(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns <- r.RemoteAddr
		switch r.URL.Path {
		case "/upload":
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
		case "/download":
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					written <- err
					return
				}
			}
		case "/waiting":
			<-waiting
		}
	}))
	client := server.Client()
	other := make(chan error, 1)
	go func() {
		response, err := client.Get(server.URL + "/waiting")
		if err == nil {
			err = response.Body.Close()
		}
		other <- err
	}()
	conn := <-conns

	body, in := io.Pipe()
	defer func() { _ = in.Close() }()
	go func() { _, _ = io.WriteString(in, "and no more") }()
	go func() {
		if response, err := client.Post(server.URL+"/upload", "text/plain", body); err == nil {
			_ = response.Body.Close()
		}
	}()
	if got := <-conns; got != conn {
		t.Fatalf("the upload came from %s, want %s", got, conn)
	}
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stalled upload: %v, want os.ErrDeadlineExceeded", err)
	}

	response, err := client.Get(server.URL + "/download")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if got := <-conns; got != conn {
		t.Fatalf("the download came from %s, want %s", got, conn)
	}
	if err := <-written; err == nil {
		t.Error("a stalled download: nil, want an error")
	}

	close(waiting)
	if err := <-other; err != nil {
		t.Errorf("the other request: %v, want its response", err)
	}
}

// TestTrickledStream: a byte now and then does not keep an upload by HTTP/2 alive.
func TestTrickledStream(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	server := serveStreams(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	}))
	body, in := io.Pipe()
	go func() {
		if response, err := server.Client().Post(server.URL, "text/plain", body); err == nil {
			_ = response.Body.Close()
		}
		_ = body.Close()
	}()
	go func() {
		for {
			time.Sleep(stall / 10) // the client is slow: that is what the test is about
			if _, err := in.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a trickled upload: %v, want os.ErrDeadlineExceeded", err)
	}
}

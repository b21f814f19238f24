package handlers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// stall is a timeout that tests can afford to let pass.
const stall = 100 * time.Millisecond

// serveStalling serves a handler behind deadlines.
func serveStalling(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(withDeadlines(handler, stall))
	t.Cleanup(server.Close)
	return server
}

func TestStalledUpload(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	server := serveStalling(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	})
	body, client := io.Pipe()
	defer func() { _ = client.Close() }()
	go func() { _, _ = client.Write([]byte("and no more")) }()
	response, err := server.Client().Post(server.URL, "text/plain", body)
	if err == nil {
		_ = response.Body.Close()
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A client that waits for an answer does not stall, however long the answer takes.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(stall / 2)
		_, _ = r.Body.Read(make([]byte, 1)) // to be sure that nothing follows, as a reader of JSON does
		select {
		case <-r.Context().Done():
			w.WriteHeader(http.StatusGone)
		case <-time.After(3 * stall):
		}
	})
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
	server := serveStalling(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("all of it"))
		time.Sleep(2 * stall)
	})
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

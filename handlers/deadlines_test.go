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

// A connection may rest between two requests.
func TestConnectionAtRest(t *testing.T) {
	t.Parallel()
	server := serveStalling(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte("with a body"))
		}
	})
	for _, method := range []string{http.MethodGet, http.MethodOptions, http.MethodOptions} {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		time.Sleep(2 * stall) // the rest itself
	}
}

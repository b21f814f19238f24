package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/wire"
)

// start serves handler on a free port and returns the listener and the address.
func start(t *testing.T, handler http.Handler) (*listener, string) {
	t.Helper()
	return startWith(t, listening{hosts: Hosts{AllowedHosts: []string{"millrace.test"}}}, handler)
}

// startWith is start for a listener that listens otherwise.
func startWith(t *testing.T, c listening, handler http.Handler) (*listener, string) {
	t.Helper()
	c.addr = "127.0.0.1:0"
	c.log = slog.New(slog.DiscardHandler)
	l, err := listen(t.Context(), c, handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.http.Close() })
	return l, l.url()
}

// get sends a request and returns what became of it.
func get(url string) <-chan error {
	done := make(chan error, 1)
	go func() {
		response, err := http.Get(url)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			err = errors.Join(err, response.Body.Close())
		}
		done <- err
	}()
	return done
}

// TestListenerStop: a request in flight finishes within the grace period, and is ended after it.
func TestListenerStop(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	proceed := make(chan struct{})
	l, url := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-proceed
	}))
	request := get(url)
	<-begun
	l.http.RegisterOnShutdown(func() { close(proceed) })
	if err := l.stop(); err != nil {
		t.Errorf("stop() = %v, want nil", err)
	}
	if err := <-request; err != nil {
		t.Errorf("the request in flight: %v, want nil", err)
	}

	begun = make(chan struct{})
	l, url = start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}))
	l.gracePeriod = time.Millisecond
	request = get(url)
	<-begun
	if err := l.stop(); err != nil {
		t.Errorf("stop() = %v, want nil", err)
	}
	if err := <-request; err == nil {
		t.Error("a request beyond the grace period: nil, want an error")
	}
}

// TestClosing: responses close their connections while the process drains.
func TestClosing(t *testing.T) {
	t.Parallel()
	var d draining
	_, url := start(t, d.closing(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for _, want := range []bool{false, true} {
		response, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.Close != want {
			t.Errorf("Close = %t, want %t", response.Close, want)
		}
		d.run(0, slog.New(slog.DiscardHandler))
	}
}

// TestWait: a process ends with an error when one of its listeners ends by itself.
func TestWait(t *testing.T) {
	t.Parallel()
	ops, _ := start(t, http.NotFoundHandler())
	p := &Process{ops: ops}
	if err := ops.http.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(context.Background()); !errors.Is(err, errListener) {
		t.Errorf("wait() = %v, want %v", err, errListener)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ops, _ = start(t, http.NotFoundHandler())
	if err := (&Process{ops: ops}).wait(ctx); err != nil {
		t.Errorf("wait() = %v, want nil", err)
	}
}

// TestHosts: a listener on a loopback address refuses requests that a browser sends to another name, of a page that
// has made its name resolve to this machine.
func TestHosts(t *testing.T) {
	t.Parallel()
	_, url := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"localhost":         http.StatusOK,
		"LOCALHOST.:8080":   http.StatusOK,
		"127.0.0.1":         http.StatusOK,
		"127.1.2.3:80":      http.StatusOK,
		"[::1]":             http.StatusOK,
		"[::1]:8080":        http.StatusOK,
		"millrace.test":     http.StatusOK,
		"Millrace.test:443": http.StatusOK,
		"evil.example":      http.StatusMisdirectedRequest,
		"localhost.evil":    http.StatusMisdirectedRequest,
		"127.0.0.1.evil":    http.StatusMisdirectedRequest,
		"x.millrace.test":   http.StatusMisdirectedRequest,
		"0.0.0.0:8080":      http.StatusMisdirectedRequest,
		"192.168.0.1":       http.StatusMisdirectedRequest,
		"[::]":              http.StatusMisdirectedRequest,
	} {
		if got := wire.StatusOf(t, url, host); got != want {
			t.Errorf("Host %s: status %d, want %d", host, got, want)
		}
	}
}

// listen starts to serve handler.
func listen(ctx context.Context, c listening, handler http.Handler) (*listener, error) {
	tcp, err := c.bind(ctx)
	if err != nil {
		return nil, err
	}
	return serve(ctx, tcp, c, handler), nil
}

package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
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

// TestStopWaitsForHandlers: what handlers do after their connection was closed is done when the listener has stopped.
func TestStopWaitsForHandlers(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	var cleaned atomic.Bool
	l, url := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		time.Sleep(cleanupTime / 50) // the work is what takes time
		cleaned.Store(true)
	}))
	l.gracePeriod = time.Millisecond
	request := get(url)
	<-begun
	if err := l.stop(); err != nil || !cleaned.Load() {
		t.Errorf("stop() = %v, the handler has cleaned up: %t, want nil and true", err, cleaned.Load())
	}
	if err := <-request; err == nil {
		t.Error("the request: nil, want an error")
	}
}

// TestListenerEndsByItself: why a listener has ended before it was stopped is what its stop returns.
func TestListenerEndsByItself(t *testing.T) {
	t.Parallel()
	l, _ := start(t, http.NotFoundHandler())
	if err := l.tcp.Close(); err != nil {
		t.Fatal(err)
	}
	<-l.ended()
	if err := <-l.stopAside(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("stopAside() = %v, want %v", err, net.ErrClosed)
	}
	var none *listener
	if err := <-none.stopAside(); none.ended() != nil || err != nil {
		t.Errorf("stopAside() of no listener = %v, want nil", err)
	}
}

// TestURL: the address of a listener is one that works on this machine.
func TestURL(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]*listener{
		"http://127.0.0.1:80":   {tcp: address{IP: net.IPv4(127, 0, 0, 1), Port: 80}},
		"https://[::1]:443":     {tcp: address{IP: net.IPv6loopback, Port: 443}, secured: true},
		"http://localhost:8080": {tcp: address{IP: net.IPv6zero, Port: 8080}},
	} {
		if got := l.url(); got != want {
			t.Errorf("url() = %s, want %s", got, want)
		}
	}
}

// address is a listener that has one, also one that other machines could reach.
type address net.TCPAddr

func (address) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (address) Close() error              { return nil }
func (a address) Addr() net.Addr          { return (*net.TCPAddr)(&a) }

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

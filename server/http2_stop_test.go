package server

import (
	"net/http"
	"sync"
	"testing"
)

// TestHTTP2Stops: requests in flight by HTTP/2 finish when the listener stops, and while the process drains their
// connection takes no new ones.
func TestHTTP2Stops(t *testing.T) {
	t.Parallel()
	authority, pair := certified(t)
	handler, begun, proceed := holding()
	var d draining
	var conns sync.Map
	l, url := startWith(t, listening{pair: pair}, d.closing(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns.Store(r.RemoteAddr, true)
		if r.URL.Path == "/held" {
			handler.ServeHTTP(w, r)
		}
	})))
	client := clientFrom(t, "127.0.0.1", authority)
	held := make(chan error, 1)
	go func() {
		_, err := status(t.Context(), client, url+"/held")
		held <- err
	}()
	<-begun
	d.begun.Store(true)
	for range 3 {
		if got, err := status(t.Context(), client, url); got != http.StatusOK {
			t.Fatalf("while the process drains: %d, %v, want 200", got, err)
		}
	}
	count := 0
	conns.Range(func(any, any) bool { count++; return true })
	if count < 3 {
		t.Errorf("%d connections, want a new one for each request while the process drains", count)
	}
	l.http.RegisterOnShutdown(func() { close(proceed) })
	if err := l.stop(); err != nil {
		t.Errorf("stop() = %v, want nil", err)
	}
	if err := <-held; err != nil {
		t.Errorf("the request in flight: %v, want a response", err)
	}
}

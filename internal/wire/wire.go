// Package wire gives tests a connection to a server that falls silent, or breaks: a proxy between the two.
package wire

import (
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Wire forwards connections to a server until the end of the test.
type Wire struct {
	t        testing.TB
	listener net.Listener
	network  string
	address  string

	mu     sync.Mutex
	silent chan struct{} // closed when the silence ends; nil: there is none
	conns  map[net.Conn]struct{}
}

// New returns a wire that listens on an address, whose port may be 0, and ends at the server of a connection string.
func New(t testing.TB, listen, databaseURL string) *Wire {
	t.Helper()
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{t: t, conns: map[net.Conn]struct{}{}}
	w.network, w.address = pgconn.NetworkAddress(config.Host, config.Port)
	if w.listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", listen); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := w.listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.pass(conn) })
		}
	})
	t.Cleanup(func() {
		_ = w.listener.Close()
		w.Speak()
		w.Break()
		running.Wait()
	})
	return w
}

// URL returns a connection string like the given one that goes over the wire.
func (w *Wire) URL(databaseURL string) string {
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		w.t.Fatal(err)
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(config.User, config.Password),
		Host:     w.listener.Addr().String(),
		Path:     config.Database,
		RawQuery: "sslmode=disable",
	}
	if original, err := url.Parse(databaseURL); err == nil && original.Query().Has("search_path") {
		u.RawQuery += "&search_path=" + url.QueryEscape(original.Query().Get("search_path"))
	}
	return u.String()
}

// Silence has nothing forwarded any more, in either direction, on connections that exist and on new ones. They stay
// open.
func (w *Wire) Silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent == nil {
		w.silent = make(chan struct{})
	}
}

// Speak ends the silence. What was held back is forwarded.
func (w *Wire) Speak() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.silent != nil {
		close(w.silent)
		w.silent = nil
	}
}

// Break resets all connections.
func (w *Wire) Break() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // so that Close resets it
		}
		_ = conn.Close()
	}
}

// listen waits for the end of a silence.
func (w *Wire) listen() {
	w.mu.Lock()
	silent := w.silent
	w.mu.Unlock()
	if silent != nil {
		<-silent
	}
}

// pass forwards both directions of a connection until one of them ends.
func (w *Wire) pass(from net.Conn) {
	to, err := new(net.Dialer).DialContext(w.t.Context(), w.network, w.address)
	if err != nil {
		_ = from.Close()
		return
	}
	w.mu.Lock()
	w.conns[from], w.conns[to] = struct{}{}, struct{}{}
	w.mu.Unlock()
	var responses sync.WaitGroup
	responses.Go(func() { w.copy(from, to) })
	w.copy(to, from)
	responses.Wait()
	w.mu.Lock()
	delete(w.conns, from)
	delete(w.conns, to)
	w.mu.Unlock()
}

// copy forwards one direction, and closes both when it ends.
func (w *Wire) copy(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.listen()
		if n > 0 {
			if _, failed := to.Write(buf[:n]); failed != nil {
				err = failed
			}
		}
		if err != nil {
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}

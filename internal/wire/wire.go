// Package wire gives tests a connection to a database that falls silent, is slow, breaks, or leads to another server:
// a proxy between the two. There is none but this one.
package wire

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Direction is one of the two in which a wire forwards.
type Direction int

// The directions.
const (
	Statements Direction = iota // to the server
	Responses                   // from the server
)

// Wire forwards connections to a server until the end of the test.
type Wire struct {
	t        testing.TB
	listener net.Listener
	delay    atomic.Int64  // of each response, in nanoseconds
	shut     atomic.Bool   // new connections end at once
	refused  atomic.Int64  // connections that have
	lost     atomic.Bool   // the response that was to be lost is
	done     chan struct{} // closed at the end of the test

	mu      sync.Mutex
	network string // of the server
	address string
	silent  [2]chan struct{} // closed when the silence of a direction ends; nil: there is none
	lose    []byte           // the connection of a response with these bytes is closed; empty: none is
	conns   map[net.Conn]struct{}
}

// New returns a wire that listens on an address, whose port may be 0, and ends at the server of a connection string.
func New(t testing.TB, listen, databaseURL string) *Wire {
	t.Helper()
	w := &Wire{
		t:     t,
		done:  make(chan struct{}),
		conns: map[net.Conn]struct{}{},
	}
	w.Lead(databaseURL)
	ctx := context.WithoutCancel(t.Context()) // processes that a cleanup stops still need the wire
	var err error
	if w.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", listen); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := w.listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.pass(ctx, conn) })
		}
	})
	t.Cleanup(func() {
		_ = w.listener.Close()
		close(w.done)
		w.Shut()
		running.Wait()
	})
	return w
}

// URL returns a connection string like the given one that goes over the wire.
func (w *Wire) URL(databaseURL string) string {
	w.t.Helper()
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

// Lead has new connections end at the server of a connection string.
func (w *Wire) Lead(databaseURL string) {
	w.t.Helper()
	config, err := pgconn.ParseConfig(databaseURL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.network, w.address = pgconn.NetworkAddress(config.Host, config.Port)
}

// Silence has nothing forwarded any more, in some directions or, without one, in both, on connections that exist and on
// new ones. They stay open.
func (w *Wire) Silence(directions ...Direction) {
	if len(directions) == 0 {
		directions = []Direction{Statements, Responses}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range directions {
		if w.silent[d] == nil {
			w.silent[d] = make(chan struct{})
		}
	}
}

// Speak ends the silence. What was held back is forwarded.
func (w *Wire) Speak() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d, silent := range w.silent {
		if silent != nil {
			close(silent)
			w.silent[d] = nil
		}
	}
}

// Delay has each response arrive so much later; 0 ends that.
func (w *Wire) Delay(d time.Duration) { w.delay.Store(int64(d)) }

// Lose closes the connection of the next response that contains some bytes, instead of forwarding it.
func (w *Wire) Lose(response []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = response
	w.lost.Store(false)
}

// Lost reports whether the response that was to be lost has been.
func (w *Wire) Lost() bool { return w.lost.Load() }

// loses reports whether a response is the one to be lost.
func (w *Wire) loses(response []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lose) == 0 || !bytes.Contains(response, w.lose) {
		return false
	}
	w.lose = nil
	w.lost.Store(true)
	return true
}

// Break resets all connections.
func (w *Wire) Break() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.conns {
		reset(conn)
	}
}

// Shut resets all connections, and has new ones end at once until Open is called, as by a restart of Postgres.
func (w *Wire) Shut() {
	w.shut.Store(true)
	w.Break()
}

// Open ends what Shut has begun.
func (w *Wire) Open() { w.shut.Store(false) }

// Refused returns how many connections have ended at once.
func (w *Wire) Refused() int64 { return w.refused.Load() }

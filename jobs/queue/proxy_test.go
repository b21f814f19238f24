package queue

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/internal/testdb"
	"github.com/millrace/millrace/store"
)

// proxy stands between clients and the database, whose responses it can lose or delay.
type proxy struct {
	listener net.Listener
	network  string
	address  string
	ends     sync.WaitGroup
	mutex    sync.Mutex
	conns    []net.Conn
	delay    atomic.Int64 // of each response
	lose     atomic.Value // []byte: the connection of the next response that contains it is closed; empty: none is
	lost     atomic.Bool
}

// newProxy returns a proxy and a store whose connections go through it.
func (b *testBundle) newProxy() (*proxy, *store.Store) {
	b.t.Helper()
	config, err := pgconn.ParseConfig(testdb.URL(b.store.Pool))
	if err != nil {
		b.t.Fatal(err)
	}
	p := &proxy{}
	p.lose.Store([]byte{})
	p.network, p.address = pgconn.NetworkAddress(config.Host, config.Port)
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		b.t.Fatal(err)
	}
	p.ends.Go(p.accept)
	b.t.Cleanup(p.stop)
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(config.User, config.Password),
		Host:     p.listener.Addr().String(),
		Path:     "/" + config.Database,
		RawQuery: "sslmode=disable",
	}
	pool, err := pgxpool.New(b.t.Context(), u.String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return p, store.Open(pool, nil, time.Hour)
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.address)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mutex.Lock()
		p.conns = append(p.conns, client, server)
		p.mutex.Unlock()
		p.ends.Go(func() { p.pass(server, client, true) })
		p.ends.Go(func() { p.pass(client, server, false) })
	}
}

// stop closes all connections.
func (p *proxy) stop() {
	_ = p.listener.Close()
	p.mutex.Lock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.mutex.Unlock()
	p.ends.Wait()
}

// chunk is what one read has returned, and when it is due.
type chunk struct {
	data []byte
	due  time.Time
}

// pass copies from one end to the other one until either is closed.
func (p *proxy) pass(to, from net.Conn, toServer bool) {
	chunks := make(chan chunk, 1000)
	p.ends.Go(func() {
		for c := range chunks {
			time.Sleep(time.Until(c.due)) // the delay
			_, _ = to.Write(c.data)
		}
		_ = to.Close()
	})
	defer close(chunks)
	defer func() { _ = from.Close() }()
	for {
		data := make([]byte, 64<<10)
		n, err := from.Read(data)
		if err != nil {
			return
		}
		c := chunk{data: data[:n], due: time.Now()}
		if !toServer {
			lose, _ := p.lose.Load().([]byte)
			if len(lose) > 0 && bytes.Contains(c.data, lose) && p.lost.CompareAndSwap(false, true) {
				_ = to.Close()
				return
			}
			c.due = c.due.Add(time.Duration(p.delay.Load()))
		}
		chunks <- c
	}
}

// untilTrue waits until a query returns true.
func (b *testBundle) untilTrue(what, sql string, args ...any) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for !query[bool](b, sql, args...) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("waiting until %s: not within %s", what, waitTimeout)
		}
	}
}

// clientOf is like client, on another store.
func (b *testBundle) clientOf(s *store.Store, config Config, w work) *Client {
	b.t.Helper()
	other := &testBundle{
		t:     b.t,
		store: s,
		log:   b.log,
	}
	return other.client(config, w)
}

// startOf is like start, on another store.
func (b *testBundle) startOf(s *store.Store, config Config, w work) *Client {
	b.t.Helper()
	c := b.clientOf(s, config, w)
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

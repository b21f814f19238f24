package server

import (
	"bytes"
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/handlers/guard"
)

// connections is a listener that bounds how many of its connections are open at once: in all, and half as many of one
// client. Where there is no place for a new one, it takes that of the one that has been idle for the longest time, or
// refuses the new one with a 503.
type connections struct {
	net.Listener
	cap      *guard.Cap
	proxies  guard.Proxies
	refusals *guard.Refusals
	farewell chan struct{} // has a place for each refused connection that is read before it is closed
	refusing *tls.Config   // of refused connections; nil without TLS

	mu   sync.Mutex
	idle list.List // of *connection, the longest idle one first
}

// maxFarewells is how many refused connections are open at once, so that their clients can read why.
const maxFarewells = 64

func newConnections(tcp net.Listener, limit int, proxies guard.Proxies, refusals *guard.Refusals) *connections {
	return &connections{
		Listener: tcp,
		cap:      guard.NewCap(limit, guard.Connections, guard.ClientConnections),
		proxies:  proxies,
		refusals: refusals,
		farewell: make(chan struct{}, maxFarewells),
	}
}

// connection is one that has a place.
type connection struct {
	*net.TCPConn
	client  netip.Addr
	release func()
	idle    *list.Element // its place among those that are idle, or nil
	head    head
	secured bool // what is read is encrypted, so that the lines are counted elsewhere
}

// head bounds how many lines of the head of a request are read. A short line takes a hundred bytes once it is a header
// field, so that the memory of a head would be many times its size.
type head struct {
	reading atomic.Bool
	lines   atomic.Int64
}

// maxLines is how many lines the head of a request may have had when more of it is read. It is more than a request may
// have fields: those get a response that says so, unless they are far too many.
const maxLines = 2 * guard.MaxFields

var errLines = errors.New("the head of the request has too many lines")

// begin says that a head follows, or that there is none any more.
func (h *head) begin(reading bool) {
	h.lines.Store(0)
	h.reading.Store(reading)
}

// read reads from a connection, and counts the lines of a head.
func (h *head) read(conn io.Reader, p []byte) (int, error) {
	if !h.reading.Load() {
		return conn.Read(p)
	}
	if h.lines.Load() > maxLines {
		return 0, errLines
	}
	n, err := conn.Read(p)
	h.lines.Add(int64(bytes.Count(p[:n], []byte{'\n'})))
	return n, err
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	if c.secured {
		return c.TCPConn.Read(p)
	}
	return c.head.read(c.TCPConn, p)
}

// Close implements net.Conn.
func (c *connection) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}

// Accept implements net.Listener.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp := conn.(*net.TCPConn)
		client := l.proxies.Peer(tcp.RemoteAddr().(*net.TCPAddr).AddrPort().Addr())
		release, refused := l.cap.Take(client)
		if refused != "" && l.closeIdle(client, refused) {
			release, refused = l.cap.Take(client)
		}
		if refused == "" {
			c := &connection{
				TCPConn: tcp,
				client:  client,
				release: release,
				secured: l.refusing != nil,
			}
			c.head.begin(true)
			return c, nil
		}
		//house:ignore bound a line of the log waits for nothing
		l.refusals.Note(context.Background(), refused, "client", tcp.RemoteAddr())
		l.refuse(tcp)
	}
}

// changed follows the state of connections; it is the ConnState of the server.
func (l *connections) changed(conn net.Conn, state http.ConnState) {
	c, ok := placed(conn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if state == http.StateIdle {
		c.head.begin(true)
		c.idle = l.idle.PushBack(c)
	} else {
		l.busy(c)
	}
}

// placed returns the connection that has a place, below those of TLS and of guard.Linger.
func placed(conn net.Conn) (*connection, bool) {
	for {
		if c, ok := conn.(*connection); ok {
			return c, true
		}
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil, false
		}
		conn = outer.NetConn()
	}
}

type connectionKey struct{}

// withConnection puts a connection into the context of its requests; it is the ConnContext of the server.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := placed(conn); ok {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	return ctx
}

// headIsRead says that the head of a request was read.
func headIsRead(r *http.Request) {
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		c.head.begin(false)
	}
}

// busy deletes a connection from those that are idle. The caller holds the lock.
func (l *connections) busy(c *connection) {
	if c.idle != nil {
		l.idle.Remove(c.idle)
		c.idle = nil
	}
}

// closeIdle closes the connection that has been idle for the longest time, of the client if that has too many.
func (l *connections) closeIdle(client netip.Addr, refused guard.Reason) bool {
	c := l.takeIdle(client, refused)
	if c == nil {
		return false
	}
	_ = c.Close() // the server notices
	return true
}

func (l *connections) takeIdle(client netip.Addr, refused guard.Reason) *connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.idle.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*connection); refused != guard.ClientConnections || c.client == client {
			l.busy(c)
			return c
		}
	}
	return nil
}

// refusal is the response to a connection that has no place.
const refusal = "HTTP/1.1 503 Service Unavailable\r\n" +
	"Content-Type: application/problem+json\r\n" +
	"Retry-After: 5\r\n" +
	"Connection: close\r\n" +
	"Content-Length: 137\r\n\r\n" +
	`{"type":"/docs/problems/#busy","code":"busy","title":"Service Unavailable","status":503,` +
	`"detail":"too many connections, try again later"}`

// farewellTime is how long a refused connection is open.
const farewellTime = time.Second

// refuse responds to a connection that has no place and closes it. Unless too many others do so, it waits for the
// request and reads it, for a second: clients take no response before their request, and closing a connection that
// was not read resets it. It does not block.
func (l *connections) refuse(tcp *net.TCPConn) {
	_ = tcp.SetDeadline(time.Now().Add(farewellTime))
	select {
	case l.farewell <- struct{}{}:
	default:
		if l.refusing == nil {
			_, _ = io.WriteString(tcp, refusal) // it fits into the buffer of the connection
		}
		_ = tcp.Close()
		return
	}
	go func() {
		defer func() { <-l.farewell }()
		defer func() { _ = tcp.Close() }()
		var conn net.Conn = tcp
		if l.refusing != nil {
			conn = tls.Server(tcp, l.refusing)
		}
		if _, err := conn.Read(make([]byte, 512)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, refusal)
		if secured, ok := conn.(*tls.Conn); ok {
			_ = secured.CloseWrite()
		}
		_ = tcp.CloseWrite()
		_, _ = io.CopyN(io.Discard, tcp, 64<<10)
	}()
}

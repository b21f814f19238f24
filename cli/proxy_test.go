package cli_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy forwards connections to a server and breaks some of them.
type proxy struct {
	t          *testing.T
	listener   net.Listener
	mutex      sync.Mutex
	target     string // host:port
	requests   bytes.Buffer
	breakAfter []int64 // the number of bytes after which connections are reset, in their order; later ones hold
	onBreak    func(*proxy)
	broken     int
	cutAfter   int64 // the number of bytes to the server after which the first connection is reset; 0: none
	damage     int64 // the offset of the byte that is changed in what the server sends on a connection; 0: none
}

// startProxy starts a proxy that breaks connections as proxy.breakAfter says. Before each reset it calls onBreak, which
// may be nil.
func startProxy(t *testing.T, server string, onBreak func(*proxy), breakAfter ...int64) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		t:          t,
		listener:   listener,
		target:     strings.TrimPrefix(server, "http://"),
		breakAfter: breakAfter,
		onBreak:    onBreak,
	}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.pass(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		connections.Wait()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

// pass copies both directions until one of them ends.
func (p *proxy) pass(conn *net.TCPConn) {
	defer func() { _ = conn.Close() }()
	p.mutex.Lock()
	target := p.target
	p.mutex.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil {
		_ = conn.SetLinger(0)
		return
	}
	var responses sync.WaitGroup
	responses.Go(func() {
		defer func() { _ = conn.Close() }()
		p.respond(conn, server)
	})
	if limit := p.takeCut(); limit > 0 {
		if n, _ := io.CopyN(io.MultiWriter(server, p), conn, limit); n == limit {
			if p.onBreak != nil {
				p.onBreak(p)
			}
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
	_, _ = io.Copy(io.MultiWriter(server, p), conn)
	_ = server.Close()
	responses.Wait()
}

// respond copies what a server sends, up to where the connection is to break.
func (p *proxy) respond(conn *net.TCPConn, server net.Conn) {
	p.mutex.Lock()
	limit := int64(-1)
	if p.broken < len(p.breakAfter) {
		limit = p.breakAfter[p.broken]
	}
	damage := p.damage
	p.mutex.Unlock()
	if damage > 0 {
		if n, _ := io.CopyN(conn, server, damage); n == damage {
			var changed [1]byte
			_, _ = io.ReadFull(server, changed[:])
			changed[0] ^= 0xff
			_, _ = conn.Write(changed[:])
		}
	}
	if limit < 0 {
		_, _ = io.Copy(conn, server)
		return
	}
	if n, _ := io.CopyN(conn, server, limit); n < limit {
		return // the server sent less than the limit
	}
	p.mutex.Lock()
	p.broken++
	p.mutex.Unlock()
	if p.onBreak != nil {
		p.onBreak(p)
	}
	_ = conn.SetLinger(0) // so that Close resets the connection
}

// cut resets the next connection after a number of bytes to the server.
func (p *proxy) cut(after int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.cutAfter = after
}

// takeCut returns cutAfter to the first connection.
func (p *proxy) takeCut() int64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	limit := p.cutAfter
	p.cutAfter = 0
	return limit
}

// damageAt changes the byte at an offset of what the server sends, on connections from now on.
func (p *proxy) damageAt(byte int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.damage = byte
}

// Write records what is sent to the server.
func (p *proxy) Write(b []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.requests.Write(b)
}

// breaks returns the number of broken connections.
func (p *proxy) breaks() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.broken
}

// sent reports whether the text was sent to the server.
func (p *proxy) sent(text string) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return bytes.Contains(p.requests.Bytes(), []byte(text))
}

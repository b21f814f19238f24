package guard

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The bounds within which a connection that the server has closed is read on.
const (
	lingerTime  = 30 * time.Second
	lingerPause = 2 * time.Second // without a byte
	lingerBytes = 256 << 20
)

// Linger returns a listener whose connections are closed in two steps (RFC 9112, 9.6): first for writing, and when the
// client has closed its side, for reading. In between, what the client sends is discarded. A client that is still
// sending the body of a request that was refused would otherwise lose the response: its system drops what was received
// when the connection is reset.
func Linger(l net.Listener) net.Listener { return lingerListener{l} }

type lingerListener struct{ net.Listener }

// Accept implements net.Listener.
func (l lingerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if halves, ok := conn.(halfCloser); ok {
		return &lingerConn{halfCloser: halves}, err
	}
	return conn, err
}

// halfCloser is a connection that can be closed in two steps, such as a *net.TCPConn.
type halfCloser interface {
	net.Conn
	io.ReaderFrom
	CloseWrite() error
}

// lingerConn is a connection that is closed in two steps.
type lingerConn struct {
	halfCloser
	mutex   sync.Mutex
	reading int  // calls of Read that have begun
	ended   bool // the client has closed its side, or the connection is broken
	closed  bool
}

// Read implements net.Conn.
func (c *lingerConn) Read(p []byte) (int, error) {
	c.mutex.Lock()
	if c.closed {
		c.mutex.Unlock()
		return 0, net.ErrClosed
	}
	c.reading++
	c.mutex.Unlock()
	n, err := c.halfCloser.Read(p)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.reading--
	c.ended = c.ended || err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	return n, err
}

// Close implements net.Conn. It does not wait. A connection that is being read is closed at once: it is the server that
// ends.
func (c *lingerConn) Close() error {
	c.mutex.Lock()
	again := c.closed
	c.closed = true
	atOnce := c.reading > 0 || c.ended
	c.mutex.Unlock()
	if again {
		return net.ErrClosed
	}
	if atOnce || c.CloseWrite() != nil {
		return c.halfCloser.Close()
	}
	go c.discard()
	return nil
}

// NetConn returns the connection that the listener below has accepted.
func (c *lingerConn) NetConn() net.Conn { return c.halfCloser }

// discard reads what the client sends until it closes its side, within bounds, and closes the connection.
func (c *lingerConn) discard() {
	limit := time.AfterFunc(lingerTime, func() { _ = c.halfCloser.Close() })
	defer limit.Stop()
	defer func() { _ = c.halfCloser.Close() }()
	buffer := make([]byte, 8<<10)
	for left := lingerBytes; left > 0; {
		_ = c.SetReadDeadline(time.Now().Add(lingerPause))
		n, err := c.halfCloser.Read(buffer)
		if err != nil {
			return
		}
		left -= n
	}
}

var _ io.ReaderFrom = (*lingerConn)(nil) // net/http sends files by it

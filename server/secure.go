package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/millrace/millrace/handlers/guard"
)

// The bounds of HTTP/2, in which a connection has many requests. What a client may send before a handler reads it is in
// memory: of all connections together at most http2Unread, unless each has the least that the protocol knows.
const (
	http2Streams  = 100       // of a connection
	http2Frame    = 16 << 10  // the largest that is read, and memory of a connection
	http2Unread   = 256 << 20 // bytes of all connections
	http2Window   = 64 << 10  // the least of a connection
	maxWindow     = 1 << 20   // the most
	pingAfter     = 30 * time.Second
	pingTimeout   = 15 * time.Second
	handshakeTime = 10 * time.Second
)

// http2Config returns the bounds of HTTP/2 for a listener with at most so many connections; 0 is any number.
func http2Config(maxConnections int) *http.HTTP2Config {
	window := http2Window
	if maxConnections > 0 {
		window = min(maxWindow, max(http2Window, http2Unread/maxConnections))
	}
	return &http.HTTP2Config{
		MaxConcurrentStreams:          http2Streams,
		MaxReadFrameSize:              http2Frame,
		MaxDecoderHeaderTableSize:     4 << 10,
		MaxReceiveBufferPerConnection: window,
		MaxReceiveBufferPerStream:     window,
		SendPingTimeout:               pingAfter,
		PingTimeout:                   pingTimeout,
		WriteByteTimeout:              pingAfter,
	}
}

// secure is a listener whose connections have done the handshake of TLS. Each does it by itself, so that a slow one
// holds up no other.
type secure struct {
	net.Listener
	config *tls.Config
	ready  chan net.Conn
	ended  chan struct{} // closed when the listener below has ended
	err    error         // the reason; valid after ended

	closing context.Context // ends the handshakes
	close   context.CancelFunc
	refused func(client net.Addr, err error)
}

// newSecure returns a listener of TLS on another one. It calls refused when a handshake fails.
func newSecure(l net.Listener, config *tls.Config, refused func(net.Addr, error)) *secure {
	s := &secure{
		Listener: l,
		config:   config,
		ready:    make(chan net.Conn),
		ended:    make(chan struct{}),
		refused:  refused,
	}
	s.closing, s.close = context.WithCancel(context.Background())
	go s.serve()
	return s
}

// serve accepts connections until the listener below ends.
func (s *secure) serve() {
	defer close(s.ended)
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			s.err = err
			return
		}
		go s.shake(conn)
	}
}

// shake does the handshake of a connection, and hands it over.
func (s *secure) shake(conn net.Conn) {
	secured := tls.Server(conn, s.config)
	ctx, cancel := context.WithTimeout(s.closing, handshakeTime)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		s.explain(conn, err)
		_ = conn.Close()
		return
	}
	var done net.Conn = secured // net/http speaks HTTP/2 on nothing else
	if secured.ConnectionState().NegotiatedProtocol != "h2" {
		done = newLined(secured)
	}
	select {
	case s.ready <- done:
	case <-s.closing.Done():
		_ = done.Close()
	}
}

// plaintext is the response to a client that speaks HTTP without TLS.
const plaintext = "HTTP/1.1 400 Bad Request\r\n" +
	"Content-Type: application/problem+json\r\n" +
	"Connection: close\r\n\r\n" +
	`{"type":"/docs/problems/#bad_request","code":"bad_request","title":"Bad Request","status":400,"detail":"this address is for https:// only"}`

// explain says why a handshake failed: to the client if it speaks HTTP, and else to the log.
func (s *secure) explain(conn net.Conn, err error) {
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && record.RecordHeader[0] >= 'A' && record.RecordHeader[0] <= 'Z' {
		_ = conn.SetWriteDeadline(time.Now().Add(farewellTime))
		_, _ = io.WriteString(conn, plaintext)
		return
	}
	if s.closing.Err() == nil && !errors.Is(err, io.EOF) {
		s.refused(conn.RemoteAddr(), err)
	}
}

// Accept implements net.Listener.
func (s *secure) Accept() (net.Conn, error) {
	select {
	case conn := <-s.ready:
		return conn, nil
	case <-s.ended:
		return nil, s.err
	}
}

// Close implements net.Listener. The connections that are in their handshake end.
func (s *secure) Close() error {
	err := s.Listener.Close()
	s.close()
	return err
}

// lined is a connection of HTTP/1.1 by TLS, the lines of whose heads are counted.
type lined struct {
	*tls.Conn
	head *head
}

func newLined(conn *tls.Conn) net.Conn {
	c, ok := placed(conn)
	if !ok {
		return conn
	}
	return &lined{Conn: conn, head: &c.head}
}

// Read implements net.Conn.
func (l *lined) Read(p []byte) (int, error) { return l.head.read(l.Conn, p) }

// requestsOf bounds the requests in flight of HTTP/2 as connections are bounded: in HTTP/1.1 each has one.
func requestsOf(next http.Handler, limit int, refusals *guard.Refusals) http.Handler {
	inFlight := guard.NewCap(limit, guard.Connections, guard.ClientConnections)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connectionKey{}).(*connection)
		if r.ProtoMajor < 2 || !ok {
			next.ServeHTTP(w, r)
			return
		}
		release, refused := inFlight.Take(c.client)
		if refused != "" {
			refusals.Note(r.Context(), refused, "client", r.RemoteAddr)
			guard.Busy(w, refused)
			return
		}
		defer release()
		next.ServeHTTP(w, r)
	})
}

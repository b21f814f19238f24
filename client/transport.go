package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// responseTimeout is how long a server may take to respond to a request that was sent, and to send the JSON of its
	// response. It is twice the longest wait that a request may ask for.
	responseTimeout = 2 * time.Minute
	// dialTimeout and those below are of http.DefaultTransport.
	dialTimeout      = 30 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	continueTimeout  = time.Second
)

// NewTransport returns a transport like http.DefaultTransport, except that a server that falls silent is not waited for
// without end.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		IdleConnTimeout:       idleTimeout,
		TLSHandshakeTimeout:   handshakeTimeout,
		ResponseHeaderTimeout: responseTimeout,
		ExpectContinueTimeout: continueTimeout,
	}
}

// sharedTransport is that of all clients that have no other, so that they share idle connections.
var sharedTransport = sync.OnceValue(NewTransport)

// WithTransport sets what sends requests.
func WithTransport(transport *http.Transport) ClientOption {
	//house:ignore bound the transport has timeouts; one of the client would end downloads
	return WithHTTPClient(&http.Client{Transport: transport})
}

// errUnread means that a server stopped reading what was sent.
var errUnread = errors.New("the server has read nothing for two minutes")

// sentBody is the body of a request that ends the request when the server stops reading it.
type sentBody struct {
	io.Reader
	timer *time.Timer
}

// bound returns a context that ends when the server reads nothing of a body for responseTimeout, and the body. The
// context must be cancelled.
func bound(ctx context.Context, body io.Reader) (context.Context, *sentBody, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(responseTimeout, func() { cancel(errUnread) })
	return ctx, &sentBody{Reader: body, timer: timer}, func() {
		timer.Stop()
		cancel(nil)
	}
}

// Read implements io.Reader. The time that the source takes does not count, nor does that after its end.
func (s *sentBody) Read(p []byte) (int, error) {
	s.timer.Stop()
	n, err := s.Reader.Read(p)
	if err == nil {
		s.timer.Reset(responseTimeout)
	}
	return n, err
}

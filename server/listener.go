package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/server/certificate"
)

// defaultGracePeriod is the grace period of a listener unless its owner sets another one.
const defaultGracePeriod = 10 * time.Second

// listener is an HTTP server on one address.
type listener struct {
	http        *http.Server
	secured     bool // by TLS
	tcp         net.Listener
	gracePeriod time.Duration // for the requests in flight when it stops
	done        chan struct{} // closed when it has ended
	handlers    sync.WaitGroup
	err         error // the reason; valid after done
}

// maxHead is how many bytes the head of a request may have. A larger one gets a 431.
const maxHead = 32 << 10

// listening says how a listener listens.
type listening struct {
	addr           string // the port may be 0
	hosts          Hosts  // that requests may name, besides its own, on a loopback address
	maxConnections int    // 0 is any number
	proxies        guard.Proxies
	writeTimeout   time.Duration     // for a response; 0 is none
	pair           *certificate.Pair // nil for HTTP without TLS
	clients        tls.ClientAuthType
	refusals       *guard.Refusals
	log            *slog.Logger
}

// bind takes the address. Clients wait until serve.
func (c listening) bind(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	tcp, err := config.Listen(ctx, "tcp", c.addr)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return tcp, nil
}

// serve starts to serve handler on what bind has returned.
func serve(ctx context.Context, tcp net.Listener, c listening, handler http.Handler) *listener {
	if tcp.Addr().(*net.TCPAddr).IP.IsLoopback() {
		handler = guard.LocalHosts(handler, c.hosts.AllowedHosts, c.refusals)
	}
	handler = guard.Heads(requestsOf(handler, c.maxConnections, c.refusals))
	conns := newConnections(tcp, c.maxConnections, c.proxies, c.refusals)
	limited := logs.NewLimited(c.log)
	l := &listener{
		http: &http.Server{
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			WriteTimeout:      c.writeTimeout,
			MaxHeaderBytes:    maxHead - 4<<10, // net/http adds 4 KiB
			ConnState:         conns.changed,
			ConnContext:       withConnection,
			ErrorLog:          stdlog.New(limited.Writer("http"), "", 0),
			HTTP2:             http2Config(c.maxConnections),
		},
		secured:     c.pair != nil,
		tcp:         tcp,
		gracePeriod: defaultGracePeriod,
		done:        make(chan struct{}),
	}
	l.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.handlers.Add(1)
		defer l.handlers.Done()
		headIsRead(r)
		handler.ServeHTTP(w, r)
	})
	serving := guard.Linger(conns)
	if c.pair != nil {
		conns.refusing = c.pair.Config("http/1.1")
		secured := c.pair.Config("h2", "http/1.1")
		secured.ClientAuth = c.clients
		serving = newSecure(serving, secured, func(client net.Addr, err error) {
			limited.Log(ctx, slog.LevelWarn, "tls", "a handshake failed", "client", client, "error", err)
		})
	}
	go func() {
		defer close(l.done)
		if err := l.http.Serve(serving); !errors.Is(err, http.ErrServerClosed) {
			l.err = fmt.Errorf("serving: %w", err)
		}
	}()
	return l
}

// url returns the address of the server as a URL that works on this machine.
func (l *listener) url() string {
	addr := l.tcp.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if l.secured {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, fmt.Sprint(addr.Port)))
}

// port returns the port, which the system may have chosen.
func (l *listener) port() int { return l.tcp.Addr().(*net.TCPAddr).Port }

// stop closes the listener, lets the requests in flight finish within the grace period, and then ends them.
func (l *listener) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.gracePeriod)
	defer cancel()
	err := l.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = l.http.Close()
	}
	<-l.done //house:ignore bound a server that is shut down, or closed, serves no more
	l.waitForHandlers()
	return errors.Join(err, l.err)
}

// stopAside stops the listener, which may be nil, while others stop, too, and returns what stop does.
func (l *listener) stopAside() <-chan error {
	stopped := make(chan error, 1)
	if l == nil {
		stopped <- nil
		return stopped
	}
	go func() { stopped <- l.stop() }()
	return stopped
}

// ended returns a channel that is closed when the listener has ended; nil for none.
func (l *listener) ended() <-chan struct{} {
	if l == nil {
		return nil
	}
	return l.done
}

// cleanupTime is how long handlers whose connections were closed may take to clean up.
const cleanupTime = 5 * time.Second

// waitForHandlers waits until all handlers have ended: they delete what they have stored, for which they need the
// database. Closing a server does not wait for them.
func (l *listener) waitForHandlers() {
	ended := make(chan struct{})
	go func() {
		l.handlers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(cleanupTime):
	}
}

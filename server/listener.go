package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/millrace/millrace/handlers/guard"
)

// defaultGracePeriod is the grace period of a listener unless its owner sets another one.
const defaultGracePeriod = 10 * time.Second

// listener is an HTTP server on one address.
type listener struct {
	http        *http.Server
	tcp         net.Listener
	gracePeriod time.Duration // for the requests in flight when it stops
	done        chan struct{} // closed when it has ended
	handlers    sync.WaitGroup
	err         error // the reason; valid after done
}

// listen starts to serve handler on addr, whose port may be 0. On a loopback address, requests must name it or one of
// hosts.
func listen(
	ctx context.Context, addr string, hosts Hosts, handler http.Handler, log *slog.Logger,
) (*listener, error) {
	var config net.ListenConfig
	tcp, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if tcp.Addr().(*net.TCPAddr).IP.IsLoopback() {
		handler = guard.LocalHosts(handler, hosts.AllowedHosts)
	}
	l := &listener{
		http: &http.Server{
			ReadHeaderTimeout: 10 * time.Second,
			IdleTimeout:       2 * time.Minute,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		tcp:         tcp,
		gracePeriod: defaultGracePeriod,
		done:        make(chan struct{}),
	}
	l.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.handlers.Add(1)
		defer l.handlers.Done()
		handler.ServeHTTP(w, r)
	})
	go func() {
		defer close(l.done)
		if err := l.http.Serve(guard.Linger(tcp)); !errors.Is(err, http.ErrServerClosed) {
			l.err = fmt.Errorf("serving: %w", err)
		}
	}()
	return l, nil
}

// url returns the address of the server as a URL that works on this machine.
func (l *listener) url() string {
	addr := l.tcp.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("http://%s", net.JoinHostPort(host, fmt.Sprint(addr.Port)))
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
	<-l.done
	l.waitForHandlers()
	return errors.Join(err, l.err)
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

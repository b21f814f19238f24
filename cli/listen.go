package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// drainTimeout is how long requests that are being answered may take after the order to stop, unless a server was told
// otherwise.
const drainTimeout = 10 * time.Second

// server is an HTTP server on one address.
type server struct {
	http     *http.Server
	listener net.Listener
	patience time.Duration // how long requests that are being answered may take after the order to stop
	done     chan struct{} // closed when it has ended
	err      error         // why, after done
}

// listen starts to serve handler on addr, whose port may be 0.
func listen(ctx context.Context, addr string, handler http.Handler, log *slog.Logger) (*server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	s := &server{listener: listener, patience: drainTimeout, done: make(chan struct{}), http: &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	}()
	return s, nil
}

// url returns where people reach the server.
func (s *server) url() string {
	addr := s.listener.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("http://%s", net.JoinHostPort(host, fmt.Sprint(addr.Port)))
}

// port returns the port, which may have been chosen by the system.
func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// stop refuses new requests and lets the present ones finish.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return errors.Join(err, s.err)
}

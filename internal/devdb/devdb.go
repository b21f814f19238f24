// Package devdb runs a private Postgres for `millrace dev`, `millrace demo` and the tests. It finds the programs or
// downloads them, makes a database cluster, starts it on a free port of 127.0.0.1 and stops it.
//
// Root may start it on Linux: Postgres, which refuses to run as root, then runs as another user. On Linux, Postgres
// also stops when the process that started it is killed; elsewhere, the next start on the directory stops it.
package devdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
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

// Config describes a server. The zero value is a durable server in a temporary directory.
type Config struct {
	// Dir is the directory of the database, which Start creates if needed. Empty means a temporary directory that Stop
	// removes; with NoFsync it is in memory, where there is room.
	Dir string

	// NoFsync turns off all syncing to disk: faster, but a crash of the machine destroys the database. For tests only.
	NoFsync bool

	// NoDownload makes Start fail with ErrNoPostgres, instead of downloading Postgres, if none is installed.
	NoDownload bool

	// Unpinned lets Start run a download whose digest is not known to this package.
	Unpinned bool
	// Log receives what a user may want to know, such as the beginning of a download. Nil discards it. Postgres has a log
	// file of its own; if the start fails, its end is part of the error.
	Log *slog.Logger
}

// Server is a running Postgres.
type Server struct {
	cluster   *cluster
	process   *process
	logOffset int64
	url       string
	socketURL string
	publicURL string

	stopOnce sync.Once
	stopping chan struct{}
	stopErr  error
}

// Start runs a Postgres and returns once it accepts connections. Cancelling ctx aborts the start and leaves nothing
// running; it has no effect on a server that Start has returned, which runs until Stop.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	parent := os.TempDir()
	if cfg.NoFsync {
		parent = volatileParent()
	}
	dir, err := openDirectory(ctx, cfg.Dir, parent)
	if err != nil {
		return nil, err
	}
	s, err := startIn(ctx, dir, cfg)
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	return s, nil
}

func startIn(ctx context.Context, dir *directory, cfg Config) (*Server, error) {
	if err := errors.Join(dir.linkMoved(cfg.Log), dir.rotateLog()); err != nil {
		return nil, err
	}
	c, err := prepare(ctx, dir, cfg)
	if err != nil {
		return nil, err
	}
	if err := stopLeftover(ctx, dir.data()); err != nil {
		return nil, err
	}
	if err := dir.removeSockets(); err != nil {
		return nil, err
	}
	run, err := c.launch(ctx)
	if err != nil {
		return nil, err
	}
	return &Server{
		cluster:   c,
		process:   run.process,
		logOffset: run.logOffset,
		url:       c.url(run.port, databaseName),
		socketURL: c.socketURL(run.port, databaseName),
		publicURL: c.publicURL(run.port, databaseName),
		stopping:  make(chan struct{}),
	}, nil
}

// prepare makes the cluster of dir if there is none. The owner and the version of an existing one determine the account
// and the programs.
func prepare(ctx context.Context, dir *directory, cfg Config) (*cluster, error) {
	major, err := clusterVersion(dir.data())
	if err != nil {
		return nil, err
	}
	exists := major != 0
	acct, err := newAccount()
	if exists {
		acct, err = ownerOf(dir.data())
	}
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, cfg, acct, major)
	if err != nil {
		return nil, err
	}
	c := &cluster{
		bin:     bin,
		account: acct,
		dir:     dir,
		fsync:   !cfg.NoFsync,
	}
	return c, c.ensure(ctx, exists)
}

// URL is the connection string of the database, with its password. Any process of this machine can use it.
func (s *Server) URL() string { return s.url }

// PublicURL is the connection string of the database without its password, which is in a file that only the user of
// this process can read. It may be printed.
func (s *Server) PublicURL() string { return s.publicURL }

// Done returns a channel that is closed when Postgres has ended. Err then tells whether Stop ended it.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// Err returns nil while Postgres runs and after Stop. If Postgres ended without Stop, the error says how.
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

// Stop disconnects the clients, ends Postgres and removes a temporary directory. Every call returns when all of this is
// done, also if another goroutine called Stop first.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		select {
		case <-s.process.done: // it ended before Stop, and Err keeps saying so
		default:
			close(s.stopping)
		}
		s.stopErr = errors.Join(s.process.stop(s.stopSignal()), s.cluster.dir.close())
	})
	return s.stopErr
}

// stopSignal returns SIGINT, the "fast" shutdown of Postgres, which writes a checkpoint. A temporary database is
// removed anyway: SIGQUIT, the "immediate" shutdown, skips the checkpoint.
func (s *Server) stopSignal() syscall.Signal {
	if s.cluster.dir.temporary {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

// url returns the connection string of one database of the cluster.
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

// publicURL returns the connection string of one database of the cluster with the file that has its password.
func (c *cluster) publicURL(port uint32, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(roleName),
		Host:     net.JoinHostPort(loopback, strconv.FormatUint(uint64(port), 10)),
		Path:     "/" + database,
		RawQuery: url.Values{"sslmode": {"disable"}, "passfile": {c.dir.passFile()}}.Encode(),
	}
	return u.String()
}

// pollInterval is the time between two reads of a state whose changes cannot be waited for.
const pollInterval = 20 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

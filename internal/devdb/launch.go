package devdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	loopback = "127.0.0.1"

	// startTimeout includes the recovery after a crash, which replays at most max_wal_size.
	startTimeout   = 3 * time.Minute
	startAttempts  = 10
	logTailBytes   = 4 << 10
	connectTimeout = 10 * time.Second
)

// errTransient marks a failed start that is worth another attempt.
var errTransient = errors.New("temporary failure")

// transientLogs are the messages of Postgres when another process took the port between freePort and the bind, and when
// backends of a killed predecessor have not ended yet.
var transientLogs = []string{"could not create any TCP/IP sockets", "pre-existing shared memory block"}

// run is a Postgres that accepts connections.
type run struct {
	process   *process
	port      uint32
	logOffset int64 // where its part of the log file begins
}

// launch starts Postgres on a free port and waits until the database can be used.
func (c *cluster) launch(ctx context.Context) (run, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		port, err := freePort(ctx)
		if err != nil {
			return run{}, err
		}
		r, err := c.launchOn(ctx, port)
		if !errors.Is(err, errTransient) || attempt == startAttempts {
			return r, err
		}
		if err := pause(ctx, time.Duration(attempt)*50*time.Millisecond); err != nil {
			return run{}, err
		}
	}
}

func (c *cluster) launchOn(ctx context.Context, port uint32) (run, error) {
	log, err := os.OpenFile(c.dir.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return run{}, fmt.Errorf("open the log of Postgres: %w", err)
	}
	defer log.Close()
	offset, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return run{}, fmt.Errorf("open the log of Postgres: %w", err)
	}
	data, err := os.Open(c.dir.data())
	if err != nil {
		return run{}, fmt.Errorf("open the database: %w", err)
	}
	defer data.Close()
	//house:ignore bound the server outlives the start; stop ends it
	cmd := c.account.command(context.WithoutCancel(ctx), c.bin.path("postgres"))
	cmd.Args = append(cmd.Args, "-D", shareDirectory(cmd, c.account, data))
	cmd.Args = append(cmd.Args, settings(port, c.fsync, c.fsync && direct(c.dir.data()))...)
	cmd.Env = append(cmd.Env, memory...)
	cmd.Stdout = log
	cmd.Stderr = log
	p, err := startProcess(cmd)
	if err != nil {
		return run{}, err
	}
	r := run{
		process:   p,
		port:      port,
		logOffset: offset,
	}
	if err := c.awaitReady(ctx, r); err != nil {
		return run{}, errors.Join(err, p.stop(syscall.SIGINT))
	}
	return r, nil
}

// awaitReady waits until postmaster.pid says that the new process is ready, and only then connects: before that, the
// port may belong to another process.
func (c *cluster) awaitReady(ctx context.Context, r run) error {
	for {
		pm, ok, err := readPostmaster(c.dir.data())
		if err != nil {
			return err
		}
		if ok && pm.pid == r.process.cmd.Process.Pid && pm.ready {
			return c.ensureDatabase(ctx, r.port)
		}
		select {
		case <-r.process.done:
			return c.startFailure(r)
		default:
		}
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("wait for Postgres to start: %w; the end of its log:\n%s", err, c.logTail(r.logOffset))
		}
	}
}

func (c *cluster) startFailure(r run) error {
	tail := c.logTail(r.logOffset)
	err := fmt.Errorf("postgres did not start on %s (%w); the end of its log:\n%s", c.dir.data(), r.process.exit(), tail)
	for _, text := range transientLogs {
		if strings.Contains(tail, text) {
			return fmt.Errorf("%w: %w", errTransient, err)
		}
	}
	return err
}

// ensureDatabase creates the database on the first start.
func (c *cluster) ensureDatabase(ctx context.Context, port uint32) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url(port, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer conn.Close(ctx)
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{databaseName}.Sanitize()); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}

// logTail returns the end of what Postgres logged since offset.
func (c *cluster) logTail(offset int64) string {
	f, err := os.Open(c.dir.logFile())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	offset = max(offset, info.Size()-logTailBytes)
	content, err := io.ReadAll(io.NewSectionReader(f, offset, logTailBytes))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(content))
}

// freePort returns a port that is free at the moment.
func freePort(ctx context.Context) (uint32, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	addr, err := netip.ParseAddrPort(l.Addr().String())
	return uint32(addr.Port()), errors.Join(err, l.Close())
}

package ledger_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/internal/wire"
)

// cluster is a Postgres of its own, which may be killed, behind a wire.
type cluster struct {
	t      *testing.T
	dir    string
	server *devdb.Server
	wire   *wire.Wire
	direct atomic.Pointer[string] // connection string beside the wire
}

// url returns the present connection string beside the wire.
func (c *cluster) url() string { return *c.direct.Load() }

// startCluster starts a Postgres. It syncs to disk: what it loses at a crash would else not be Millrace's fault.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir()}
	c.start()
	t.Cleanup(func() {
		if err := c.server.Stop(); err != nil {
			t.Errorf("stopping Postgres: %v", err)
		}
	})
	c.wire = wire.New(t, "127.0.0.1:0", c.server.URL())
	return c
}

// start starts the Postgres, which takes another port each time.
func (c *cluster) start() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), waitTimeout)
	defer cancel()
	server, err := devdb.Start(ctx, devdb.Config{Dir: c.dir, NoDownload: true})
	if errors.Is(err, devdb.ErrNoPostgres) && os.Getenv("CI") != "true" {
		c.t.Skip(err)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.server = server
	direct := server.URL()
	c.direct.Store(&direct)
	if c.wire != nil {
		c.wire.Lead(server.URL())
	}
}

// connect connects beside the wire.
func (c *cluster) connect() *pgx.Conn {
	c.t.Helper()
	var conn *pgx.Conn
	until(c.t, "Postgres accepts connections", func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		defer cancel()
		var err error
		conn, err = pgx.Connect(ctx, c.server.URL())
		return err == nil
	})
	return conn
}

// with calls f with a connection beside the wire.
func (c *cluster) with(f func(ctx context.Context, conn *pgx.Conn)) {
	c.t.Helper()
	conn := c.connect()
	defer func() { _ = conn.Close(context.WithoutCancel(c.t.Context())) }()
	f(c.t.Context(), conn)
}

// exec executes statements, each in a transaction of its own.
func (c *cluster) exec(statements ...string) {
	c.t.Helper()
	c.with(func(ctx context.Context, conn *pgx.Conn) {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				c.t.Fatalf("%s: %v", sql, err)
			}
		}
	})
}

// list returns the rows of a query.
func list[T any](c *cluster, sql string, args ...any) (rows []T) {
	c.t.Helper()
	c.with(func(ctx context.Context, conn *pgx.Conn) {
		result, err := conn.Query(ctx, sql, args...)
		if err == nil {
			rows, err = pgx.CollectRows(result, pgx.RowToStructByPos[T])
		}
		if err != nil {
			c.t.Fatalf("%s: %v", sql, err)
		}
	})
	return rows
}

// value returns the only value of a query.
func value[T any](c *cluster, sql string, args ...any) T {
	c.t.Helper()
	rows := list[struct{ V T }](c, sql, args...)
	if len(rows) != 1 {
		c.t.Fatalf("%s: %d rows, want 1", sql, len(rows))
	}
	return rows[0].V
}

// killBackend kills the process of a connection of Millrace with SIGKILL. Postgres then ends all others, and recovers.
// It returns when it accepts connections again.
func (c *cluster) killBackend() {
	c.t.Helper()
	const random = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ledger%' ORDER BY random() LIMIT 1"
	const started = "SELECT pg_postmaster_start_time()::text || (SELECT min(pid) FROM pg_stat_activity " +
		"WHERE backend_type = 'checkpointer')"
	before := value[string](c, started)
	kill(c.t, value[int](c, random), syscall.SIGKILL)
	until(c.t, "Postgres has recovered", func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, c.server.URL())
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(ctx) }()
		var after string
		return conn.QueryRow(ctx, started).Scan(&after) == nil && after != before
	})
}

// killPostmaster kills all of Postgres with SIGKILL, and starts it again.
func (c *cluster) killPostmaster() { c.restart(syscall.SIGKILL) }

// restart ends Postgres with a signal, and starts it again.
func (c *cluster) restart(signal syscall.Signal) {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
	if err != nil {
		c.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		c.t.Fatal(err)
	}
	kill(c.t, pid, signal)
	<-c.server.Done()
	if err := c.server.Stop(); err != nil { // it lets go of the directory
		c.t.Fatal(err)
	}
	c.start()
}

func kill(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatalf("%s to %d: %v", signal, pid, err)
	}
}

// Package database opens connections to Postgres. Every connection of a process comes from here, those of its pool and
// those beside it, so that each has the same timeouts: a server, a network or a process that falls silent costs
// seconds.
package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

const (
	// connectTimeout bounds the opening of one connection, unless the connection string has a connect_timeout.
	connectTimeout = 5 * time.Second
	// pingTimeout bounds the ping of a connection that was idle, before it is used again.
	pingTimeout = time.Second
)

// Config says how to connect.
type Config struct {
	URL       string // connection string
	Conns     int    // connections of the pool at most; the connection string may ask for more
	Migration bool   // for migrations, which take as long as they take
}

// errNoURL means that there is no connection string.
var errNoURL = errors.New("DATABASE_URL is empty")

// errURL means that a connection string cannot be read. It does not say what is wrong with it: the parser's errors
// quote parts of it, which may be parts of the password.
var errURL = errors.New("DATABASE_URL is not a valid connection string: its form is " +
	"postgres://user:password@host:5432/database, with special characters of the password as %XX")

// errURLFile means that a connection string names a file, of a certificate or of passwords, that cannot be read.
var errURLFile = errors.New("DATABASE_URL")

// ParseURL reads a connection string.
func ParseURL(url string) (*pgxpool.Config, error) {
	url = strings.TrimSpace(url) // a secret from a file ends with a newline
	if url == "" {
		return nil, errNoURL
	}
	config, err := pgxpool.ParseConfig(url)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return nil, fmt.Errorf("%w: %w", errURLFile, file)
	case err != nil:
		return nil, errURL
	}
	return config, nil
}

// Open returns a pool. It does not connect: Ping does, and says what is wrong.
func Open(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	config, err := ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = max(config.MaxConns, int32(c.Conns)) //nolint:gosec // a few dozen
	if config.PingTimeout == 0 {
		config.PingTimeout = pingTimeout
	}
	settings := sessionSettings
	bounds := usual
	if c.Migration {
		settings = migrationSettings
		bounds = unhurried
	}
	prepare(&config.ConnConfig.Config)
	pooler := newPooler()
	config.ConnConfig.Tracer = tracer{usual: bounds, pooler: pooler}
	config.BeforeConnect = pooler.before
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // else each uuid becomes a text on its way
		return settings.apply(ctx, conn)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return pool, nil
}

// Connect opens a connection that is not of the pool, with its settings, under a name that Postgres shows.
func Connect(ctx context.Context, pool *pgxpool.Pool, name string) (*pgx.Conn, error) {
	return connect(ctx, pool, name, usualTransport)
}

// ConnectWatched is Connect for a connection whose ends notice within some seconds that the other one is lost.
func ConnectWatched(ctx context.Context, pool *pgxpool.Pool, name string) (*pgx.Conn, error) {
	return connect(ctx, pool, name, watchedTransport)
}

func connect(ctx context.Context, pool *pgxpool.Pool, name string, t transport) (*pgx.Conn, error) {
	config := pool.Config()
	prepare(&config.ConnConfig.Config)
	config.ConnConfig.DialFunc = t.dialer(config.ConnConfig.ConnectTimeout).DialContext
	config.ConnConfig.RuntimeParams["application_name"] = name
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, err
	}
	err = t.settings().apply(ctx, conn) // those of the pool leave alone what is set
	if err == nil && config.AfterConnect != nil {
		err = config.AfterConnect(ctx, conn)
	}
	if err != nil {
		_ = conn.Close(ctx) // the first error counts
		return nil, err
	}
	return conn, nil
}

// prepare sets what this side of a connection does.
func prepare(config *pgconn.Config) {
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.DialFunc = usualTransport.dialer(config.ConnectTimeout).DialContext
	config.OnPgError = keep
}

// readOnly is what Postgres says of a statement that writes on a standby.
const readOnly = "25006"

// keep reports whether a connection is of use after an error of the server. One to a server that has become read-only
// is not: another server may be the primary now.
func keep(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	return err.Severity != "FATAL" && err.Severity != "PANIC" && err.Code != readOnly
}

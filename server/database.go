package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/migrations"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// Database says where Postgres is.
type Database struct {
	DatabaseURL string `env:"DATABASE_URL" required:"" help:"Postgres connection string."`
}

// LogValue returns where the database is, and none of the rest of the connection string, in whatever form it is.
func (d Database) LogValue() slog.Value {
	config, err := pgxpool.ParseConfig(d.DatabaseURL)
	if err != nil {
		return slog.StringValue("(not a connection string)")
	}
	c := config.ConnConfig
	u := url.URL{
		Scheme: "postgres",
		User:   url.User(c.User),
		Host:   net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))),
		Path:   "/" + c.Database,
	}
	return slog.StringValue(u.String())
}

// errConnectionString does not say what is wrong with a connection string: the parser's errors quote parts of it, which
// may be parts of the password.
var errConnectionString = errors.New("DATABASE_URL is not a valid connection string: its form is " +
	"postgres://user:password@host:5432/database, with special characters of the password as %XX")

// parse parses the connection string.
func (d Database) parse() (*pgxpool.Config, error) {
	if d.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is empty")
	}
	config, err := pgxpool.ParseConfig(d.DatabaseURL)
	var file *fs.PathError // of a certificate or a password file
	if errors.As(err, &file) {
		return nil, fmt.Errorf("DATABASE_URL: %w", file)
	}
	if err != nil {
		return nil, errConnectionString
	}
	return config, nil
}

// open connects to the database with at most conns connections, or more if the connection string says so.
func (d Database) open(ctx context.Context, conns int) (*pgxpool.Pool, error) {
	config, err := d.parse()
	if err != nil {
		return nil, err
	}
	config.MaxConns = max(config.MaxConns, int32(conns)) //nolint:gosec // a few dozen
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to the database: %w", err)
	}
	return pool, nil
}

// openStore opens the store on a database that must have the schema of this version or of a later one.
func (s Storage) openStore(ctx context.Context, pool *pgxpool.Pool) (*store.Store, error) {
	b, err := blocks.Open(s.Blocks, pool)
	if err != nil {
		return nil, err
	}
	if err := migrations.Check(ctx, pool); err != nil {
		return nil, err
	}
	return store.Open(pool, b, s.Retention), nil
}

// connectInterval is the pause between two attempts of Migrate to connect.
const connectInterval = time.Second

// Migrate brings the database to the schema of this version, for which it needs a connection within the given time.
// It is safe to run twice, and in several processes at once.
func Migrate(ctx context.Context, d Database, wait time.Duration, log *slog.Logger) error {
	const conns = 2
	deadline := time.Now().Add(wait)
	pool, err := d.open(ctx, conns)
	for err != nil && ctx.Err() == nil && time.Now().Before(deadline) {
		log.Info("waiting for the database", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(connectInterval):
		}
		pool, err = d.open(ctx, conns)
	}
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Up(ctx, pool); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
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

// LogValue returns the connection string without its password.
func (d Database) LogValue() slog.Value {
	u, err := url.Parse(d.DatabaseURL)
	if err != nil || u.Scheme == "" {
		return slog.StringValue("(key/value string)")
	}
	query := u.Query()
	if query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return slog.StringValue(u.Redacted())
}

// open connects to the database with at most conns connections, or more if the connection string says so.
func (d Database) open(ctx context.Context, conns int) (*pgxpool.Pool, error) {
	if d.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is empty")
	}
	config, err := pgxpool.ParseConfig(d.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
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
	opened := store.Open(pool, b, s.Retention)
	opened.MinFreeBytes = s.MinFreeBytes
	opened.SweepAll = s.SweepAllOrphans
	return opened, nil
}

// openIdentified opens the store like openStore, and compares the identities of database and block store.
func (s Storage) openIdentified(ctx context.Context, pool *pgxpool.Pool) (*store.Store, error) {
	opened, err := s.openStore(ctx, pool)
	if err != nil {
		return nil, err
	}
	return opened, opened.Identify(ctx)
}

// Adopt makes a database and a block store belong together, and returns their identity; renew gives them a new one.
func Adopt(ctx context.Context, d Database, s Storage, renew bool) (string, error) {
	pool, err := d.open(ctx, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	opened, err := s.openStore(ctx, pool)
	if err != nil {
		return "", err
	}
	id, err := opened.Adopt(ctx, renew)
	return id.String(), err
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

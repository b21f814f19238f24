// Package migrations brings a database to the schema that this binary works with: River's tables, then ours.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/millrace/millrace/jobs/queue/schema"
)

//go:embed *.sql
var files embed.FS

// lockKey is the advisory lock that lets several processes call Up at once: one works, the others wait and find it
// done.
const lockKey = 0x6d696c6c72616365 // "millrace"

// unlockTimeout bounds the release of the lock. A connection that takes longer is closed, and its locks are released.
const unlockTimeout = 10 * time.Second

// Up applies every migration that the database does not have yet. It is safe to call twice and by several at once.
func Up(ctx context.Context, pool *pgxpool.Pool) error {
	lock, err := pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { // a cancelled context must not leave the lock with a connection of the pool
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		_ = lock.Rollback(ctx)
	}()
	// The lock is that of a transaction: through a pooler, sessions do not last.
	const unbounded = "SELECT set_config('idle_in_transaction_session_timeout', '0', true), " +
		"set_config('lock_timeout', '0', true)"
	if _, err := lock.Exec(ctx, unbounded); err != nil {
		return fmt.Errorf("waiting for other migrations: %w", err)
	}
	if _, err := lock.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
		return fmt.Errorf("waiting for other migrations: %w", err)
	}
	if err := patiently(ctx, func() error { return schema.Up(ctx, pool) }); err != nil {
		return fmt.Errorf("migrating the queue's tables: %w", err)
	}
	if err := patiently(ctx, func() error { return upOurs(ctx, pool) }); err != nil {
		return fmt.Errorf("migrating Millrace's tables: %w", err)
	}
	return nil
}

// lockPause is the time for others between two attempts to get the locks of a migration.
const lockPause = 200 * time.Millisecond

// patiently calls f again while a migration, whose transaction was rolled back, did not get its locks.
func patiently(ctx context.Context, f func() error) error {
	for {
		err := f()
		var server *pgconn.PgError
		if !errors.As(err, &server) || server.Code != "55P03" && server.Code != "40P01" { // no lock in time, a deadlock
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

func upOurs(ctx context.Context, pool *pgxpool.Pool) error {
	return withOurs(pool, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// withOurs gives f the migrations of Millrace's own tables.
func withOurs(pool *pgxpool.Pool, f func(*goose.Provider) error) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		return err
	}
	return f(provider)
}

// ErrPending says that the database is older than this binary.
var ErrPending = errors.New("the database is not at the schema of this version, run `millrace migrate`")

// Check returns ErrPending when Up would have something to do. A database that is newer than the binary is fine: each
// migration works with the version before it.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	pending, err := schema.Pending(ctx, pool)
	if err != nil {
		return err
	}
	if pending {
		return ErrPending
	}
	err = withOurs(pool, func(p *goose.Provider) (err error) {
		pending, err = p.HasPending(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("looking at Millrace's tables: %w", err)
	}
	if pending {
		return ErrPending
	}
	return nil
}

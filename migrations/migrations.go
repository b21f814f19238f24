// Package migrations brings a database to the schema that this binary works with: River's tables, then ours.
//
// An index on a large table is made by CREATE INDEX CONCURRENTLY, in a file of its own with `-- +goose NO
// TRANSACTION`: it waits for others, so `SET lock_timeout = 0` comes first and RESET last, and one that was
// interrupted leaves an index that is no use, so DROP INDEX CONCURRENTLY IF EXISTS comes before it.
// TestConcurrentIndex has an example.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
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
func Up(ctx context.Context, pool *pgxpool.Pool) error { return up(ctx, pool, files) }

// up is Up with the migrations in some files.
func up(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	lock, err := acquire(ctx, pool)
	if err != nil {
		return fmt.Errorf("waiting for other migrations: %w", err)
	}
	defer release(ctx, lock)
	if err := patiently(ctx, func() error { return schema.Up(ctx, pool) }); err != nil {
		return fmt.Errorf("migrating the queue's tables: %w", err)
	}
	if err := patiently(ctx, func() error { return upOurs(ctx, pool, files) }); err != nil {
		return fmt.Errorf("migrating Millrace's tables: %w", err)
	}
	return nil
}

// acquire returns a transaction that has the lock. It asks again and again instead of waiting: a statement that waits
// has a snapshot, and CREATE INDEX CONCURRENTLY, in the migration of the process that has the lock, would wait for
// its end. Postgres would see no deadlock, since that process migrates on another connection.
func acquire(ctx context.Context, pool *pgxpool.Pool) (pgx.Tx, error) {
	for {
		lock, err := tryLock(ctx, pool)
		if lock != nil || err != nil {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// tryLock returns a transaction that has the lock, or nil if another one has it.
func tryLock(ctx context.Context, pool *pgxpool.Pool) (pgx.Tx, error) {
	// The lock is that of a transaction: through a pooler, sessions do not last. This isolation has no snapshot between
	// two statements.
	lock, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, err
	}
	const try = "SELECT set_config('idle_in_transaction_session_timeout', '0', true), pg_try_advisory_xact_lock($1)"
	var unbounded string
	var locked bool
	// By the simple protocol: with the other one the portal, and its snapshot, would stay until the next statement.
	err = lock.QueryRow(ctx, try, pgx.QueryExecModeSimpleProtocol, int64(lockKey)).Scan(&unbounded, &locked)
	if err != nil || !locked {
		release(ctx, lock)
		return nil, err
	}
	return lock, nil
}

// release ends the transaction that has the lock. A cancelled context must not leave it with a connection of the pool.
func release(ctx context.Context, lock pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
	defer cancel()
	_ = lock.Rollback(ctx) // otherwise its connection ends, and the lock with it
}

// lockPause is the time between two attempts to get the lock of all migrations, or those of one.
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

func upOurs(ctx context.Context, pool *pgxpool.Pool, files fs.FS) error {
	return withOurs(pool, files, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// withOurs gives f the migrations of Millrace's own tables.
func withOurs(pool *pgxpool.Pool, files fs.FS, f func(*goose.Provider) error) error {
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
	err = withOurs(pool, files, func(p *goose.Provider) (err error) {
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

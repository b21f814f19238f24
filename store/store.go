// Package store keeps the rows of Millrace's own tables and the contents of matrices. SQL is in query/; what sqlc
// generates from it is in internal/db and does not leave this package. What may happen to a multiplication is decided
// in package jobs; the statements here repeat those rules as guards.
package store

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/internal/db"
)

var (
	// ErrNotFound means that no row has the id.
	ErrNotFound = errors.New("not found")
	// ErrNotReady means that a matrix is still being written.
	ErrNotReady = errors.New("matrix is not ready")
)

// SchemaVersion is the newest migration that this version understands. Processes tell it with their lease.
const SchemaVersion = 10

// Store is the database and the block store. Its methods run one statement each, or say what they do; InTx runs
// several in one transaction.
type Store struct {
	Pool      *pgxpool.Pool
	Blocks    blocks.Store
	Retention time.Duration // how long matrices and multiplications are kept after their last use

	db     *db.Queries
	memory *budget
}

// Open returns the store in pool whose large contents are in b.
func Open(pool *pgxpool.Pool, b blocks.Store, retention time.Duration) *Store {
	return &Store{
		Pool:      pool,
		Blocks:    b,
		Retention: retention,
		db:        db.New(pool),
		memory:    newBudget(DefaultTransferMemory),
	}
}

// NewID returns a UUIDv7: rows that are written together stay together in the index.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Unavailable reports whether err means that the database cannot be reached, or is shutting down or starting up. The
// condition passes; what was committed is safe.
func Unavailable(err error) bool {
	var connect *pgconn.ConnectError
	var server *pgconn.PgError
	switch {
	case errors.As(err, &connect), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), pgconn.SafeToRetry(err): // but for the first, a connection that is lost
		return true
	case errors.As(err, &server):
		class := server.Code[:min(2, len(server.Code))]
		return class == "08" || class == "53" || strings.HasPrefix(server.Code, "57P") // lost, out of resources, shut down
	}
	return false
}

// notFound turns the driver's error for an empty result into ErrNotFound.
func notFound(err error, what string, id any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s %v: %w", what, id, ErrNotFound)
	}
	return err
}

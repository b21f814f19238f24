// Package store keeps the rows of Millrace's own tables and the contents of matrices. SQL is in query/; what sqlc
// generates from it is in internal/db and does not leave this package. What may happen to a multiplication is decided
// in package jobs; the statements here repeat those rules as guards.
package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/store/objects"
)

var (
	// ErrNotFound means that no row has the id.
	ErrNotFound = errors.New("not found")
	// ErrNotReady means that a matrix is still being written.
	ErrNotReady = errors.New("matrix is not ready")
)

// SchemaVersion is the newest migration that this version understands. Processes tell it with their lease.
const SchemaVersion = 34

// Store is the database and the block store. Its methods run one statement each, or say what they do; InTx runs
// several in one transaction.
type Store struct {
	Pool      *pgxpool.Pool
	Blocks    blocks.Store
	Objects   *objects.Room // of users; nil: none
	Retention time.Duration // how long matrices and multiplications are kept after their last use

	UploadLife   time.Duration // how long an upload is kept that nothing renews
	OrphanAge    time.Duration // blocks without a row are kept for as long
	SweepAll     bool          // a sweep may delete any share of the blocks as orphans
	MinFreeBytes int64         // free space of the block store below which nothing new is taken in; see lowWater

	db     *db.Queries
	memory transferMemory
	space  space
}

// Open returns the store in pool whose large contents are in b.
func Open(pool *pgxpool.Pool, b blocks.Store, retention time.Duration) *Store {
	return &Store{
		Pool:      pool,
		Blocks:    b,
		Retention: retention,

		UploadLife:   DefaultUploadLife,
		OrphanAge:    DefaultOrphanAge,
		MinFreeBytes: DefaultMinFreeBytes,

		db:     db.New(pool),
		memory: newTransferMemory(),
	}
}

const (
	// DefaultUploadLife is many times the interval at which uploads are renewed.
	DefaultUploadLife = 10 * time.Minute
	// DefaultOrphanAge is longer than any process takes to write a row for its blocks.
	DefaultOrphanAge = 6 * time.Hour
	// DefaultMinFreeBytes leaves room for the results of what was accepted before.
	DefaultMinFreeBytes = 1 << 30
)

// NewID returns the id of a new row, a UUIDv7: rows that are written together stay together in the index. It is not
// that of a matrix of an inline multiplication.
func NewID() uuid.UUID { return inline.NewID() }

// NewMultiplicationID returns the id of a new multiplication that is not inline.
func NewMultiplicationID() uuid.UUID { return inline.NewOtherID() }

// Unavailable reports whether err means that the database cannot be reached, does not respond in time, takes no writes,
// is shutting down or starting up, or that the block store is unavailable. It passes; what was committed is safe.
func Unavailable(err error) bool {
	return database.Unavailable(err) || errors.Is(err, blocks.ErrUnavailable)
}

// Full reports whether err means that there is no room for what was to be written, in the block store or in the
// database. The condition passes.
func Full(err error) bool {
	var server *pgconn.PgError
	return errors.Is(err, blocks.ErrFull) || errors.As(err, &server) && server.Code == "53100"
}

// NotFound turns the driver's error for an empty result into ErrNotFound.
func NotFound(err error, what string, id uuid.UUID) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s %s: %w", what, id, ErrNotFound)
	}
	return err
}

// Package store holds everything that Millrace keeps: the rows in Postgres and the blocks of large matrices, in Postgres
// too or in a directory. All SQL is here, in query/; what sqlc makes of it ends in .gen.go.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrNotFound says that no row has the id.
	ErrNotFound = errors.New("not found")
	// ErrNotReady says that a matrix is still being written.
	ErrNotReady = errors.New("matrix is not ready")
	// ErrBlockMissing says that a block is not, or not yet, in the block store. It may be transient.
	ErrBlockMissing = errors.New("block missing")
)

// State is the state of a multiplication, as clients see it.
type State string

// The states of a multiplication; the last three are final, but a failed or cancelled one can be retried.
const (
	Pending    State = "pending"
	InProgress State = "in_progress"
	Completed  State = "completed"
	Failed     State = "failed"
	Cancelled  State = "cancelled"
)

// Final reports whether the state is an outcome.
func (s State) Final() bool { return s == Completed || s == Failed || s == Cancelled }

// MatrixState says whether all of a matrix's content is there.
type MatrixState string

// The states of a matrix.
const (
	Uploading MatrixState = "uploading"
	Ready     MatrixState = "ready"
	Removed   MatrixState = "removed" // by a client, who sees it no more; others share its blocks
)

// MatrixSource says where a matrix came from.
type MatrixSource string

// The origins of matrices.
const (
	FromUpload  MatrixSource = "upload"
	FromInline  MatrixSource = "inline"
	FromRandom  MatrixSource = "random"
	FromProduct MatrixSource = "product"
)

// Store is the database and the block store. It embeds the generated queries, each of which runs on its own; several in
// one transaction are q := s.Queries.WithTx(tx).
type Store struct {
	*Queries
	Pool      *pgxpool.Pool
	Blocks    Blocks
	Retention time.Duration // how long matrices and products are kept after their last use
	memory    *budget
}

// Open returns the store in pool whose large contents are in blocks.
func Open(pool *pgxpool.Pool, blocks Blocks, retention time.Duration) *Store {
	return &Store{
		Queries: &Queries{db: pool}, Pool: pool, Blocks: blocks, Retention: retention, memory: newBudget(DefaultTransferMemory),
	}
}

// InTx runs f in a transaction and commits it, unless f returns an error.
func (s *Store) InTx(ctx context.Context, f func(tx pgx.Tx, q *Queries) error) error {
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return f(tx, s.WithTx(tx)) })
}

// Unavailable reports whether an error says that the database cannot be reached, or is going down or coming up. It passes;
// what was committed is safe.
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

// notFound turns the driver's word for an empty answer into ours.
func notFound(err error, what string, id any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s %v: %w", what, id, ErrNotFound)
	}
	return err
}

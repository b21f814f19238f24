// Package blocks holds the block stores: where the contents of large matrices are kept, in blocks.
package blocks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrMissing means that a block is not, or not yet, in the block store. It may be transient.
var ErrMissing = errors.New("block missing")

// Store keeps the blocks of large matrices. A block is written once and does not change: of two writers of one block
// the first wins, and both succeed. Implementations are safe for concurrent use.
type Store interface {
	// Put stores a block of at most 2 MiB; when it returns, the block survives a crash.
	Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error
	// Read fills dst with the block's bytes from offset on. Errors: ErrMissing when there is no such block, or it is too
	// short.
	Read(ctx context.Context, matrix uuid.UUID, index, offset int64, dst []byte) error
	// Delete deletes the blocks of a matrix. A matrix without blocks is no error.
	Delete(ctx context.Context, matrix uuid.UUID) error
	// Owners returns up to limit matrices that have blocks, in order of id, those after the given one.
	Owners(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error)
}

// Open returns the block store that address names: "postgres" (in the database of pool) or "file:///directory".
func Open(address string, pool *pgxpool.Pool) (Store, error) {
	if address == "postgres" {
		return NewPostgres(pool), nil
	}
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/") {
		return NewFile(u.Path)
	}
	return nil, fmt.Errorf("block store %q: use postgres or file:///absolute/directory", address)
}

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

// ErrFull means that there is no room for what was to be written. The condition passes.
var ErrFull = errors.New("the block store is full")

// Block names a block.
type Block struct {
	Matrix uuid.UUID
	Index  int64
	Size   int64 // of all of it, in bytes
}

// String names the block in errors.
func (b Block) String() string { return fmt.Sprintf("block %d of matrix %s", b.Index, b.Matrix) }

// Store keeps the blocks of large matrices. A block is written once and does not change: of two writers of one block
// the first wins, and both succeed. Implementations are safe for concurrent use.
type Store interface {
	// Put stores a block of at most 2 MiB; when it returns, the block survives a crash.
	Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error
	// Read fills dst with the block's bytes from offset on, and verifies their checksums. Errors: ErrMissing when there is
	// no such block; ErrDamaged when it is not what was written. dst has no meaning after an error.
	Read(ctx context.Context, b Block, offset int64, dst []byte) error
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

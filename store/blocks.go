package store

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Blocks keeps the blocks of large matrices. A block is written once and never changes: of two writers of one block the
// first wins, and both succeed. Implementations are safe for concurrent use.
type Blocks interface {
	// Put stores a block of 2 MiB or less; when it returns, the block survives a crash.
	Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error
	// Read fills dst with the block's bytes from offset on. ErrBlockMissing: there is no such block, or it is too short.
	Read(ctx context.Context, matrix uuid.UUID, index, offset int64, dst []byte) error
	// Delete removes all blocks of a matrix. One that has none is no error.
	Delete(ctx context.Context, matrix uuid.UUID) error
	// Owners returns up to limit matrices that have blocks, in order of id, those after the given one.
	Owners(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error)
}

// OpenBlocks returns the block store that address names: "postgres" (in the database of pool) or "file:///directory".
func OpenBlocks(address string, pool *pgxpool.Pool) (Blocks, error) {
	if address == "postgres" {
		return NewPostgresBlocks(pool), nil
	}
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/") {
		return NewFileBlocks(u.Path)
	}
	return nil, fmt.Errorf("block store %q: use postgres or file:///absolute/directory", address)
}

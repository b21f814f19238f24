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

	"github.com/millrace/millrace/store/blocks/s3"
)

// ErrMissing means that a block is not, or not yet, in the block store. It may be transient.
var ErrMissing = errors.New("block missing")

// ErrFull means that there is no room for what was to be written. The condition passes.
var ErrFull = errors.New("the block store is full")

// ErrUnavailable means that the block store could not be reached, or did not respond in time. The condition passes.
var ErrUnavailable = errors.New("the block store is unavailable")

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
	// Put stores a block of at most 2 MiB. A crash may take it back until Sync has returned nil.
	Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error
	// Sync returns when blocks of a matrix that Put has stored survive a crash. Errors: ErrUnavailable if a crash took
	// some of them back; all of them are to be written again then.
	Sync(ctx context.Context, matrix uuid.UUID, indexes []int64) error
	// Read fills dst with the block's bytes from offset on, and verifies their checksums. Errors: ErrMissing when there is
	// no such block; ErrDamaged when it is not what was written. dst has no meaning after an error.
	Read(ctx context.Context, b Block, offset int64, dst []byte) error
	// Count returns how many blocks of a matrix there are.
	Count(ctx context.Context, matrix uuid.UUID) (int64, error)
	// Delete deletes the blocks of a matrix. A matrix without blocks is no error.
	Delete(ctx context.Context, matrix uuid.UUID) error
	// DeleteRange deletes the blocks of a matrix whose indexes are from first to last. None of them need be there.
	DeleteRange(ctx context.Context, matrix uuid.UUID, first, last int64) error
	// Discard is Delete for blocks that nothing seems to own. The store may keep them in a trash, for a person who finds
	// that they were owned after all.
	Discard(ctx context.Context, matrix uuid.UUID) error
	// EmptyTrash deletes what Discard has put into the trash more than a day ago.
	EmptyTrash(ctx context.Context) error
	// Owners calls f with all matrices that have blocks, some at a time, in no order. It ends with the first error of f.
	Owners(ctx context.Context, f func([]uuid.UUID) error) error
	// Space returns how much room there is.
	Space() Space
}

// Space is the size of the volume on which a block store is, in bytes.
type Space struct {
	Free  int64
	Total int64 // 0 if the store cannot tell
}

// ownersPage is how many matrices Owners hands out at once.
const ownersPage = 500

// AllOwners returns all matrices that have blocks.
func AllOwners(ctx context.Context, s Store) ([]uuid.UUID, error) {
	var all []uuid.UUID
	err := s.Owners(ctx, func(ids []uuid.UUID) error {
		all = append(all, ids...)
		return nil
	})
	return all, err
}

// Open returns the block store that address names: "postgres" (in the database of pool), "file:///directory" or
// "s3://bucket/prefix?…". Errors do not repeat an address that may have a secret in it.
func Open(address string, pool *pgxpool.Pool) (Store, error) {
	if address == "postgres" {
		return NewPostgres(pool), nil
	}
	if s3.IsAddress(address) {
		parsed, err := s3.ParseAddress(address)
		if err != nil {
			return nil, err
		}
		bucket, err := s3.Open(parsed)
		if err != nil {
			return nil, err
		}
		return NewS3(bucket), nil
	}
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/") {
		return NewFile(u.Path)
	}
	return nil, fmt.Errorf("block store %q: use postgres, file:///absolute/directory or s3://bucket/prefix", address)
}

// Redact returns the address of a block store without what may be a secret in it, for logs.
func Redact(address string) string { return s3.Redact(address) }

// readers is how many blocks are read at once where each read is a request to another machine, which takes longer than
// the bytes on the way: enough for the panels of a tile to be there in about two of them.
const readers = 8

// Readers returns how many blocks of a part of a matrix are best read at once.
func Readers(s Store) int {
	if o, ok := s.(*observed); ok {
		s = o.Store
	}
	switch s.(type) {
	case *S3:
		return readers
	case *Postgres:
		return postgresReaders
	}
	return 1
}

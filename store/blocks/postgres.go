package blocks

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/store/internal/db"
)

// Postgres keeps blocks in a table of their own, uncompressed (STORAGE EXTERNAL), so that a part of one can be
// read without the rest.
type Postgres struct {
	pool *pgxpool.Pool
	db   *db.Queries
}

// NewPostgres returns the block store in the database of pool.
func NewPostgres(pool *pgxpool.Pool) *Postgres {
	return &Postgres{pool: pool, db: db.New(pool)}
}

// Put implements Store.
func (p *Postgres) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	if err := p.db.InsertBlock(ctx, matrix, index, data); err != nil {
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, err)
	}
	return nil
}

// readBlock is not one of sqlc's queries: its result is copied from the connection's buffer to where it is wanted,
// where a scan would make 2 MiB of garbage for each block.
const readBlock = `SELECT substring(data FROM $3::int FOR $4::int) FROM blocks WHERE matrix_id = $1 AND index = $2`

// Read implements Store.
func (p *Postgres) Read(ctx context.Context, matrix uuid.UUID, index, offset int64, dst []byte) error {
	binary := pgx.QueryResultFormats{pgx.BinaryFormatCode}
	rows, err := p.pool.Query(ctx, readBlock, binary, matrix, index, offset+1, len(dst))
	if err != nil {
		return fmt.Errorf("reading block %d of matrix %s: %w", index, matrix, err)
	}
	defer rows.Close()
	found := -1
	if rows.Next() {
		found = copy(dst, rows.RawValues()[0])
	}
	rows.Close()
	switch err := rows.Err(); {
	case err != nil:
		return fmt.Errorf("reading block %d of matrix %s: %w", index, matrix, err)
	case found < len(dst):
		return fmt.Errorf("block %d of matrix %s: %w", index, matrix, ErrMissing)
	}
	return nil
}

// Delete implements Store.
func (p *Postgres) Delete(ctx context.Context, matrix uuid.UUID) error {
	if err := p.db.DeleteBlocks(ctx, matrix); err != nil {
		return fmt.Errorf("deleting the blocks of matrix %s: %w", matrix, err)
	}
	return nil
}

// Owners implements Store.
func (p *Postgres) Owners(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	owners, err := p.db.ListBlockOwners(ctx, int32(limit), after) //nolint:gosec // a page
	if err != nil {
		return nil, fmt.Errorf("listing the matrices that have blocks: %w", err)
	}
	return owners, nil
}

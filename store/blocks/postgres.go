package blocks

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millrace/millrace/store/internal/db"
)

// Postgres keeps blocks in a table of their own, uncompressed (STORAGE EXTERNAL), so that a part of one can be
// read without the rest.
type Postgres struct {
	pool    *pgxpool.Pool
	db      *db.Queries
	writing chan struct{} // of those that write
}

const (
	// writers is how many blocks a process writes to Postgres at a time: it takes one while the other is verified and
	// sent. More sessions that add pages to a table wait for each other; eight take a fifth more CPU time of Postgres.
	writers = 2
	// postgresReaders is how many blocks of a part of a matrix are read from Postgres at once: it sends one while the
	// other is verified.
	postgresReaders = 2
)

// NewPostgres returns the block store in the database of pool.
func NewPostgres(pool *pgxpool.Pool) *Postgres {
	return &Postgres{
		pool:    pool,
		db:      db.New(pool),
		writing: make(chan struct{}, writers),
	}
}

// Put implements Store.
func (p *Postgres) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-ctx.Done():
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, context.Cause(ctx))
	}
	err := p.insert(ctx, matrix, index, data)
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Code == "53100" { // disk full
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return fmt.Errorf("writing block %d of matrix %s: %w", index, matrix, err)
	}
	return nil
}

// Sync implements Store: Put does not wait for the disk.
func (p *Postgres) Sync(ctx context.Context, matrix uuid.UUID, indexes []int64) error {
	found, err := p.db.SyncBlocks(ctx, matrix, indexes)
	if err == nil && found.Count < int64(len(indexes)) {
		err = fmt.Errorf("%w: a crash of the database took %d of %d blocks back", ErrUnavailable,
			int64(len(indexes))-found.Count, len(indexes))
	}
	if err != nil {
		return fmt.Errorf("syncing blocks of matrix %s: %w", matrix, err)
	}
	return nil
}

// insertName is the name of the statement that connections prepare.
const insertName = "millrace_insert_block"

// insert is db.InsertBlock without the copy of the data that pgx makes for arguments, which is garbage afterwards. The
// statement is prepared, unless a pooler is in between: Postgres copies the data once more to plan one.
func (p *Postgres) insert(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	pooled, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	args := [][]byte{
		matrix[:],
		binary.BigEndian.AppendUint64(nil, uint64(index)), //nolint:gosec // the same bits
		data,
		checksums(data),
	}
	binaries := []int16{pgx.BinaryFormatCode}
	if conn.Config().DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		_, err = conn.PgConn().ExecParams(ctx, db.InsertBlock, args, nil, binaries, nil).Close()
		return err
	}
	if _, err := conn.Prepare(ctx, insertName, db.InsertBlock); err != nil { // does nothing the second time
		return err
	}
	_, err = conn.PgConn().ExecPrepared(ctx, insertName, args, binaries, nil).Close()
	return err
}

// These are not of sqlc's queries: the result is copied from the connection's buffer to where it is wanted, where a
// scan would make 2 MiB of garbage for each block. Postgres makes one more copy of a part, which would take a whole
// block a fifth longer.
const (
	readWhole = `SELECT data, checksums, octet_length(data)
FROM blocks WHERE matrix_id = $1 AND index = $2`
	readPart = `SELECT substring(data FROM $3::int FOR $4::int), checksums, octet_length(data)
FROM blocks WHERE matrix_id = $1 AND index = $2`
)

// Read implements Store.
func (p *Postgres) Read(ctx context.Context, b Block, offset int64, dst []byte) error {
	if err := b.checkRange(offset, dst); err != nil {
		return err
	}
	from, to := b.aligned(offset, offset+int64(len(dst)))
	rows, err := p.query(ctx, b, from, to)
	if err != nil {
		return fmt.Errorf("reading %s: %w", b, err)
	}
	defer rows.Close()
	wrong := fmt.Errorf("%s: %w", b, ErrMissing)
	if rows.Next() {
		wrong = b.take(rows.RawValues(), from, offset, dst)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", b, err)
	}
	return wrong
}

// query asks for the bytes of a block from from up to to.
func (p *Postgres) query(ctx context.Context, b Block, from, to int64) (pgx.Rows, error) {
	format := pgx.QueryResultFormats{pgx.BinaryFormatCode}
	if from == 0 && to == b.Size {
		return p.pool.Query(ctx, readWhole, format, b.Matrix, b.Index)
	}
	return p.pool.Query(ctx, readPart, format, b.Matrix, b.Index, from+1, to-from)
}

// take verifies the pieces in a row of query, the first of which begins at from, and fills dst with what is wanted
// of them.
func (b Block) take(row [][]byte, from, offset int64, dst []byte) error {
	data, sums := row[0], row[1]
	if size := int64(binary.BigEndian.Uint32(row[2])); size != b.Size || offset-from+int64(len(dst)) > int64(len(data)) {
		return b.damaged(fmt.Sprintf("it has %d of %d bytes", size, b.Size))
	}
	if sums != nil { // not of a block that was written before there were checksums
		if int64(len(sums)) != sumsBytes(b.Size) {
			return b.damaged("it does not have all its checksums")
		}
		if err := b.verify(sums, from, data); err != nil {
			return err
		}
	}
	copy(dst, data[offset-from:])
	return nil
}

// deleteBatch is how many blocks one statement deletes: with their TOAST tuples they are some hundred thousand rows.
const deleteBatch = 64

// Delete implements Store.
func (p *Postgres) Delete(ctx context.Context, matrix uuid.UUID) error {
	return p.DeleteRange(ctx, matrix, 0, math.MaxInt64)
}

// DeleteRange implements Store.
func (p *Postgres) DeleteRange(ctx context.Context, matrix uuid.UUID, first, last int64) error {
	for {
		n, err := p.db.DeleteSomeBlocks(ctx, db.DeleteSomeBlocksParams{
			MatrixID: matrix,
			First:    first,
			Last:     last,
			MaxRows:  deleteBatch,
		})
		if err != nil {
			return fmt.Errorf("deleting the blocks of matrix %s: %w", matrix, err)
		}
		if n < deleteBatch {
			return nil
		}
	}
}

// Discard implements Store; there is no trash.
func (p *Postgres) Discard(ctx context.Context, matrix uuid.UUID) error { return p.Delete(ctx, matrix) }

// EmptyTrash implements Store.
func (*Postgres) EmptyTrash(context.Context) error { return nil }

// Space implements Store: the database does not tell how large its volume is.
func (*Postgres) Space() Space { return Space{} }

// Count implements Store.
func (p *Postgres) Count(ctx context.Context, matrix uuid.UUID) (int64, error) {
	n, err := p.db.CountBlocks(ctx, matrix)
	if err != nil {
		return 0, fmt.Errorf("counting the blocks of matrix %s: %w", matrix, err)
	}
	return n, nil
}

// Owners implements Store.
func (p *Postgres) Owners(ctx context.Context, f func([]uuid.UUID) error) error {
	var after uuid.UUID
	for {
		owners, err := p.db.ListBlockOwners(ctx, ownersPage, after)
		if err != nil {
			return fmt.Errorf("listing the matrices that have blocks: %w", err)
		}
		if len(owners) == 0 {
			return nil
		}
		if err := f(owners); err != nil {
			return err
		}
		after = owners[len(owners)-1]
	}
}

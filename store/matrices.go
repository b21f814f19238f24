package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/matrix"
)

// MaxInline is the size in bytes up to which a content lives in its matrix's row.
const MaxInline = 64 << 10

// Shape returns the size of the matrix.
func (m Matrix) Shape() matrix.Shape { return matrix.Shape{Rows: m.Rows, Cols: m.Cols, DType: m.DType} }

// Grid returns how the content is cut into blocks; it has no blocks when the content is not in the block store.
func (m Matrix) Grid() matrix.Grid {
	return matrix.Grid{Rows: m.Rows, Cols: m.Cols, BlockRows: m.BlockRows, BlockCols: m.BlockCols}
}

// InBlocks reports whether the content is in the block store.
func (m Matrix) InBlocks() bool { return m.BlockRows > 0 }

// BlockOwner returns the matrix under whose id the blocks are.
func (m Matrix) BlockOwner() uuid.UUID {
	if m.ContentID != nil {
		return *m.ContentID
	}
	return m.ID
}

// NewRandom returns the row of a matrix that is generated where it is needed, not stored.
func NewRandom(shape matrix.Shape, seed uint64) Matrix {
	bits := int64(seed) //nolint:gosec // the same 64 bits: Postgres has no unsigned type
	return Matrix{
		ID: NewID(), Rows: shape.Rows, Cols: shape.Cols, DType: shape.DType, Source: FromRandom, State: Ready, Seed: &bits,
	}
}

// NewID returns a UUIDv7: rows that are written together stay together in the index.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Matrix returns the row of a matrix. ErrNotFound when there is none.
func (s *Store) Matrix(ctx context.Context, id uuid.UUID) (Matrix, error) {
	m, err := s.GetMatrix(ctx, id)
	return m, found(m, err, id)
}

// found takes a matrix that was removed for one that is not there.
func found(m Matrix, err error, id uuid.UUID) error {
	if err == nil && m.State == Removed {
		err = pgx.ErrNoRows
	}
	return notFound(err, "matrix", id)
}

// ReadyMatrix is Matrix for those who need the content. ErrNotReady while it is being written.
func (s *Store) ReadyMatrix(ctx context.Context, id uuid.UUID) (Matrix, error) {
	m, err := s.Matrix(ctx, id)
	if err == nil && m.State != Ready {
		return m, fmt.Errorf("matrix %s: %w", id, ErrNotReady)
	}
	return m, err
}

// Insert writes the row of a new matrix that is kept for a time.
func (q *Queries) Insert(ctx context.Context, m Matrix, retention time.Duration) (Matrix, error) {
	return q.InsertMatrix(ctx, InsertMatrixParams{
		ID: m.ID, Rows: m.Rows, Cols: m.Cols, DType: m.DType, Source: m.Source, State: m.State,
		BlockRows: m.BlockRows, BlockCols: m.BlockCols, Seed: m.Seed, Content: m.Content, Digest: m.Digest,
		Retention: retention,
	})
}

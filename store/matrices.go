package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/store/objects"
)

// MaxInline is the size in bytes up to which a content lives in its matrix's row.
const MaxInline = 64 << 10

// MatrixState says whether the content of a matrix is complete.
type MatrixState string

// The states of a matrix.
const (
	Uploading MatrixState = "uploading"
	Ready     MatrixState = "ready"
	Removed   MatrixState = "removed" // deleted by a client, and hidden from clients; others still share its blocks
)

// MatrixSource says where a matrix came from.
type MatrixSource string

// The origins of matrices.
const (
	FromUpload         MatrixSource = "upload"
	FromInline         MatrixSource = "inline"
	FromRandom         MatrixSource = "random"
	FromMultiplication MatrixSource = "product"
	FromObject         MatrixSource = "s3"
)

// Matrix is a row of table matrices: an operand or a result. The content of one that is ready does not change.
type Matrix struct {
	ID        uuid.UUID
	Rows      int64
	Cols      int64
	DType     matrix.DType
	Source    MatrixSource
	State     MatrixState
	BlockRows int64 // rows of a block in the block store; 0 when the content is elsewhere
	BlockCols int64
	Seed      *int64 // of a random matrix: an unsigned number, kept as the signed one with the same bits
	Content   []byte // row-major little-endian elements, when they are MaxInline or less
	Digest    []byte // SHA-256 of the content as a row-major, little-endian .npy file
	CreatedAt time.Time
	ExpiresAt time.Time
	ContentID *uuid.UUID // the matrix whose blocks hold the content, when it is another one
	TenantID  identity.TenantID
	Retention *time.Duration   // of its own
	Object    *objects.Operand // that has the content, in a bucket of a user
}

func newMatrix(row db.Matrix) Matrix {
	return Matrix{
		ID:        row.ID,
		Rows:      row.Rows,
		Cols:      row.Cols,
		DType:     row.DType,
		Source:    MatrixSource(row.Source),
		State:     MatrixState(row.State),
		BlockRows: row.BlockRows,
		BlockCols: row.BlockCols,
		Seed:      row.Seed,
		Content:   row.Content,
		Digest:    row.Digest,
		CreatedAt: row.CreatedAt,
		ExpiresAt: row.ExpiresAt,
		ContentID: row.ContentID,
		TenantID:  row.TenantID,
		Retention: row.Retention,
		Object:    row.Object,
	}
}

// NewRandom returns a new matrix that is generated where it is needed, and not stored.
func NewRandom(shape matrix.Shape, seed uint64) Matrix {
	bits := int64(seed) //nolint:gosec // the same 64 bits: Postgres has no unsigned type
	return Matrix{
		ID:     NewID(),
		Rows:   shape.Rows,
		Cols:   shape.Cols,
		DType:  shape.DType,
		Source: FromRandom,
		State:  Ready,
		Seed:   &bits,
	}
}

// NewContent returns a new matrix whose content lives in its row.
func NewContent(shape matrix.Shape, content []byte) Matrix {
	return Matrix{
		ID:      NewID(),
		Rows:    shape.Rows,
		Cols:    shape.Cols,
		DType:   shape.DType,
		Source:  FromInline,
		State:   Ready,
		Content: content,
		Digest:  npy.Digest(shape, content),
	}
}

// Shape returns the shape of the matrix.
func (m Matrix) Shape() matrix.Shape {
	return matrix.Shape{
		Rows:  m.Rows,
		Cols:  m.Cols,
		DType: m.DType,
	}
}

// Grid returns how the content is cut into blocks; it has no blocks when the content is not in the block store.
func (m Matrix) Grid() matrix.Grid {
	return matrix.Grid{
		Rows:      m.Rows,
		Cols:      m.Cols,
		BlockRows: m.BlockRows,
		BlockCols: m.BlockCols,
	}
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

// visible returns the matrix that a query for an id has found, or ErrNotFound.
func visible(id uuid.UUID, row db.Matrix, err error) (Matrix, error) {
	m := newMatrix(row)
	if err == nil && m.State == Removed {
		err = pgx.ErrNoRows
	}
	return m, NotFound(err, "matrix", id)
}

// Contents returns the contents of those of the given matrices that live in their rows and are not damaged.
func (s *Store) Contents(ctx context.Context, owned []identity.Owned) (map[uuid.UUID][]byte, error) {
	rows, err := s.db.ListContents(ctx, identity.IDs(owned))
	if err != nil {
		return nil, fmt.Errorf("reading contents: %w", err)
	}
	contents := make(map[uuid.UUID][]byte, len(rows))
	wanted := identity.Among(owned)
	for _, row := range rows {
		m := Matrix{
			ID:      row.ID,
			Rows:    row.Rows,
			Cols:    row.Cols,
			DType:   row.DType,
			Content: row.Content,
			Digest:  row.Digest,
		}
		own := wanted(identity.Owned{Tenant: row.TenantID, ID: row.ID})
		if own && m.verifyContent() == nil { // else a request for the matrix itself is told
			contents[row.ID] = row.Content
		}
	}
	return contents, nil
}

// SaveDigest writes the digest of a matrix that has none.
func (s *Store) SaveDigest(ctx context.Context, m Matrix, digest []byte) error {
	if err := s.db.SaveDigest(ctx, digest, m.ID); err != nil {
		return fmt.Errorf("saving the digest of matrix %s: %w", m.ID, err)
	}
	return nil
}

// insertMatrix writes the row of a new matrix, which expires after life.
func insertMatrix(ctx context.Context, q *db.Queries, m Matrix, life time.Duration) (Matrix, error) {
	row, err := q.InsertMatrix(ctx, db.InsertMatrixParams{
		ID:        m.ID,
		TenantID:  m.TenantID,
		Rows:      m.Rows,
		Cols:      m.Cols,
		DType:     m.DType,
		Source:    string(m.Source),
		State:     string(m.State),
		BlockRows: m.BlockRows,
		BlockCols: m.BlockCols,
		Seed:      m.Seed,
		Content:   m.Content,
		Digest:    m.Digest,
		Object:    m.Object,
		Life:      life,
	})
	return newMatrix(row), err
}

// FinishResult makes the result of a completed multiplication ready; content and digest are nil when it is in blocks.
func (tx *Tx) FinishResult(ctx context.Context, id uuid.UUID, content, digest []byte) error {
	return tx.db.FinishResult(ctx, db.FinishResultParams{
		ID:        id,
		Content:   content,
		Digest:    digest,
		Retention: tx.store.Retention,
	})
}

// MatrixUsers returns up to limit multiplications that a matrix is part of.
func (tx *Tx) MatrixUsers(ctx context.Context, id uuid.UUID, limit int) ([]uuid.UUID, error) {
	users, err := tx.db.ListUsersOfMatrix(ctx, id, int32(limit)) //nolint:gosec // a few
	if err != nil {
		return nil, fmt.Errorf("looking for the multiplications of matrix %s: %w", id, err)
	}
	return users, nil
}

// DeleteMatrix deletes the row of a matrix that the transaction has locked, and reports whether its blocks belong to
// no matrix then. While others share the blocks, the row stays, hidden from clients, and so do the blocks; the sweep
// deletes it after the last of them. A transaction that is about to share the blocks holds a lock, too.
//
// The row goes first and the blocks after the commit: blocks without a row are swept, a row without its blocks would
// be a broken promise.
func (tx *Tx) DeleteMatrix(ctx context.Context, m Matrix) (free bool, err error) {
	shared, err := tx.db.ContentIsShared(ctx, m.ID)
	if err != nil {
		return false, fmt.Errorf("looking for matrices with the content of matrix %s: %w", m.ID, err)
	}
	if shared {
		return false, tx.db.MarkMatrixRemoved(ctx, m.ID)
	}
	if err := tx.db.DeleteMatrix(ctx, m.ID); err != nil {
		return false, fmt.Errorf("deleting matrix %s: %w", m.ID, err)
	}
	return m.InBlocks(), nil
}

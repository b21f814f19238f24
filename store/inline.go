package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store/inline"
)

// inlineMatrix returns a matrix of the multiplication as if it had a row.
func inlineMatrix(i inline.Multiplication, p inline.Part, retention time.Duration) (Matrix, error) {
	shape := i.Shape(p)
	created := inline.Time(i.ID)
	m := Matrix{
		ID:        p.ID(i.ID),
		TenantID:  i.TenantID,
		Rows:      shape.Rows,
		Cols:      shape.Cols,
		DType:     shape.DType,
		Source:    FromInline,
		State:     Ready,
		CreatedAt: created,
		ExpiresAt: created.Add(retention),
	}
	if i.FinishedAt != nil {
		m.ExpiresAt = i.FinishedAt.Add(retention)
	}
	if p == inline.PartC {
		m.Source = FromMultiplication
		if i.Result == nil {
			m.State = Uploading
			return m, nil
		}
	}
	content, err := i.Content(p)
	m.Content = content
	m.Digest = npy.Digest(shape, content)
	return m, err
}

// NewInline returns an inline multiplication as if it had a row in table multiplications.
func NewInline(i inline.Multiplication, retention time.Duration) Multiplication {
	c := i.Shape(inline.PartC)
	m := Multiplication{
		ID:         i.ID,
		TenantID:   i.TenantID,
		A:          inline.PartA.ID(i.ID),
		B:          inline.PartB.ID(i.ID),
		C:          inline.PartC.ID(i.ID),
		Priority:   i.Priority,
		State:      "pending",
		M:          i.M,
		K:          i.K,
		N:          i.N,
		DType:      c.DType,
		TileRows:   i.M,
		TileCols:   i.N,
		TilesTotal: 1,
		FirstJob:   i.Job,
		LastJob:    i.Job,
		CreatedAt:  inline.Time(i.ID),
		StartedAt:  i.StartedAt,
		FinishedAt: i.FinishedAt,
		Events:     1,
	}
	m.ExpiresAt = m.CreatedAt.Add(retention)
	if i.FinishedAt != nil {
		m.State = "completed"
		m.TilesCompleted = 1
		m.ExpiresAt = i.FinishedAt.Add(retention)
		m.Events = 2
	}
	return m
}

// inline returns those of the given multiplications that are inline, without their contents. The others must be looked
// for afterwards: one may be expanded in between, never the other way round.
func (s *Store) inline(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]inline.Multiplication, error) {
	maybe := inline.Candidates(ids)
	if len(maybe) == 0 {
		return nil, nil
	}
	var batch pgx.Batch
	inline.GenericPlans(&batch)
	found := inline.BatchStates(&batch, maybe)
	return found, s.SendBatch(ctx, &batch)
}

// Whole returns a multiplication with its operands and its result, an inline one too. Errors: ErrNotFound,
// blocks.ErrDamaged.
func (t Tenant) Whole(ctx context.Context, id uuid.UUID) (MultiplicationWithMatrices, error) {
	// Inline ones first: one may be expanded in between, never the other way round.
	i, err := t.inlineContents(ctx, id)
	switch {
	case err != nil:
		return MultiplicationWithMatrices{}, fmt.Errorf("reading multiplication %s: %w", id, err)
	case i == nil:
		m, err := t.store.ForAll().MultiplicationWithMatrices(ctx, id)
		if err == nil && m.Multiplication.TenantID != t.id {
			return MultiplicationWithMatrices{}, NotFound(pgx.ErrNoRows, "multiplication", id)
		}
		return m, err
	}
	m := MultiplicationWithMatrices{Multiplication: NewInline(*i, t.store.Retention)}
	for part, to := range map[inline.Part]*Matrix{inline.PartA: &m.A, inline.PartB: &m.B, inline.PartC: &m.C} {
		if *to, err = inlineMatrix(*i, part, t.store.Retention); err != nil {
			return m, err
		}
	}
	return m, nil
}

// inlineContents returns an inline multiplication with its contents, or nil if there is none of that id.
func (t Tenant) inlineContents(ctx context.Context, id uuid.UUID) (*inline.Multiplication, error) {
	rows, err := t.store.db.ListInlineContents(ctx, []uuid.UUID{id})
	if err != nil || len(rows) == 0 || rows[0].TenantID != t.id {
		return nil, err
	}
	return new(inline.FromRow(rows[0])), nil
}

// findInlineMatrix returns a matrix of an inline multiplication. Errors: ErrNotFound, blocks.ErrDamaged.
func (t Tenant) findInlineMatrix(ctx context.Context, id uuid.UUID) (Matrix, error) {
	owner, part, ok := inline.Owner(id)
	if !ok {
		return Matrix{}, NotFound(pgx.ErrNoRows, "matrix", id)
	}
	i, err := t.inlineContents(ctx, owner)
	switch {
	case err != nil:
		return Matrix{}, fmt.Errorf("reading matrix %s: %w", id, err)
	case i == nil:
		return Matrix{}, NotFound(pgx.ErrNoRows, "matrix", id)
	}
	return inlineMatrix(*i, part, t.store.Retention)
}

// LockInline returns those of the given multiplications that are inline, with their contents. None that waits is
// completed before the end of the transaction.
func (tx *Tx) LockInline(ctx context.Context, ids []uuid.UUID) ([]inline.Multiplication, error) {
	if err := tx.db.LockInline(ctx, ids); err != nil {
		return nil, err
	}
	rows, err := tx.db.ListInlineContents(ctx, ids)
	return inline.FromRows(rows), err
}

// damagedDigest is that of no content: a matrix that has it is damaged.
var damagedDigest = make([]byte, sha256.Size)

// SaveDigests writes the digests of the matrices of multiplications that were inline. Contents that were damaged stay
// so.
func (tx *Tx) SaveDigests(ctx context.Context, expanded []inline.Multiplication) error {
	var ids []uuid.UUID
	var digests [][]byte
	for _, i := range expanded {
		for _, part := range []inline.Part{inline.PartA, inline.PartB, inline.PartC} {
			content, err := i.Content(part)
			digest := npy.Digest(i.Shape(part), content)
			switch {
			case err != nil:
				digest = damagedDigest
			case content == nil:
				continue
			}
			ids = append(ids, part.ID(i.ID))
			digests = append(digests, digest)
		}
	}
	return tx.db.SaveDigests(ctx, ids, digests)
}

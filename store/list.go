package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store/internal/db"
)

// Position is a place in a list of multiplications: just behind the one with this id and time.
type Position struct {
	ID        uuid.UUID
	CreatedAt time.Time
}

// newest is the position before the first multiplication of a list.
var newest = Position{ID: uuid.Max, CreatedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}

// Filter says which multiplications a list has.
type Filter struct {
	States []string   // any of these
	Matrix *uuid.UUID // an operand or the result; nil: any
	Since  time.Time  // created at this time or later
	Before time.Time  // created before this time; zero: no bound
}

// Page returns up to limit multiplications that match a filter, newest first, from just behind a position on; the
// first page is behind nil. The position of the last one is nil when no more follow.
func (s *Store) Page(ctx context.Context, f Filter, behind *Position, limit int) ([]uuid.UUID, *Position, error) {
	from := newest
	switch {
	case behind != nil:
		from = *behind
	case !f.Before.IsZero():
		from = Position{CreatedAt: f.Before} // with the smallest id: none of that very time
	}
	page, err := s.page(ctx, f, from, limit+1)
	if err != nil {
		return nil, nil, fmt.Errorf("listing multiplications: %w", err)
	}
	var next *Position
	if len(page) > limit {
		page = page[:limit]
		next = &page[limit-1]
	}
	ids := make([]uuid.UUID, len(page))
	for i, p := range page {
		ids[i] = p.ID
	}
	return ids, next, nil
}

func (s *Store) page(ctx context.Context, f Filter, from Position, rows int) ([]Position, error) {
	params := db.PageByStateParams{
		States:   f.States,
		Before:   from.CreatedAt,
		BeforeID: from.ID,
		Since:    f.Since,
		MaxRows:  int32(rows), //nolint:gosec // a page
	}
	if f.Matrix == nil {
		return positions(s.db.PageByState(ctx, params))
	}
	return positions(s.db.PageByMatrix(ctx, db.PageByMatrixParams{
		MatrixID: *f.Matrix,
		States:   params.States,
		Before:   params.Before,
		BeforeID: params.BeforeID,
		Since:    params.Since,
		MaxRows:  params.MaxRows,
	}))
}

// positions gives the rows of both lists their common type.
func positions[R db.PageByStateRow | db.PageByMatrixRow](rows []R, err error) ([]Position, error) {
	page := make([]Position, len(rows))
	for i, row := range rows {
		page[i] = Position(row)
	}
	return page, err
}

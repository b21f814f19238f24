package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// States are all states of a multiplication.
var States = []State{Pending, InProgress, Completed, Failed, Cancelled}

// Position is a place in a list of multiplications: just behind the one with this id and time.
type Position struct {
	ID        uuid.UUID
	CreatedAt time.Time
}

// newest is the position before the first multiplication of any list.
var newest = Position{ID: uuid.Max, CreatedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}

// Filter says which multiplications a list has. Its zero value is: all of them.
type Filter struct {
	States []State    // any of these; empty: all
	Matrix *uuid.UUID // the one that is A, B or the product; nil: any
	Since  time.Time  // created at this time or later
	Before time.Time  // created before this time; zero: no bound
}

// List returns up to limit multiplications that match a filter, the newest first, from just behind a position on; the
// first page is behind nil. It returns the position of the last one, nil when no more follow.
func (s *Store) List(ctx context.Context, f Filter, behind *Position, limit int) ([]Status, *Position, error) {
	from := newest
	switch {
	case behind != nil:
		from = *behind
	case !f.Before.IsZero():
		from = Position{CreatedAt: f.Before} // with the smallest id: none of that very time
	}
	page, err := s.listPage(ctx, f, from, limit+1)
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
	statuses, err := s.Statuses(ctx, ids)
	return statuses, next, err
}

func (s *Store) listPage(ctx context.Context, f Filter, from Position, rows int) ([]Position, error) {
	if len(f.States) == 0 {
		f.States = States
	}
	params := ListMultiplicationsParams{
		Before: from.CreatedAt, BeforeID: from.ID, Since: f.Since, MaxRows: int32(rows), //nolint:gosec // a page
	}
	for _, state := range f.States {
		params.States = append(params.States, string(state))
	}
	if f.Matrix == nil {
		return positions(s.ListMultiplications(ctx, params))
	}
	return positions(s.ListMultiplicationsOf(ctx, ListMultiplicationsOfParams{
		MatrixID: *f.Matrix, States: params.States, Before: params.Before, BeforeID: params.BeforeID, Since: params.Since, MaxRows: params.MaxRows,
	}))
}

// positions gives the rows of both lists their common type.
func positions[R ListMultiplicationsRow | ListMultiplicationsOfRow](rows []R, err error) ([]Position, error) {
	page := make([]Position, len(rows))
	for i, row := range rows {
		page[i] = Position(row)
	}
	return page, err
}

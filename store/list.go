package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store/inline"
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
func (t Tenant) Page(ctx context.Context, f Filter, behind *Position, limit int) ([]uuid.UUID, *Position, error) {
	from := newest
	switch {
	case behind != nil:
		from = *behind
	case !f.Before.IsZero():
		from = Position{CreatedAt: f.Before} // with the smallest id: none of that very time
	}
	page, err := t.inlinePage(ctx, f, from, limit+1) // first: one may be expanded in between
	if err == nil {
		var others []Position
		others, err = t.page(ctx, f, from, limit+1)
		page = merge(page, others)
	}
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

func (t Tenant) page(ctx context.Context, f Filter, from Position, rows int) ([]Position, error) {
	params := db.PageByStateParams{
		TenantID: t.id,
		States:   f.States,
		Before:   from.CreatedAt,
		BeforeID: from.ID,
		Since:    f.Since,
		MaxRows:  int32(rows), //nolint:gosec // a page
	}
	if f.Matrix == nil {
		return positions(t.store.db.PageByState(ctx, params))
	}
	return positions(t.store.db.PageByMatrix(ctx, db.PageByMatrixParams{
		MatrixID: *f.Matrix,
		TenantID: params.TenantID,
		States:   params.States,
		Before:   params.Before,
		BeforeID: params.BeforeID,
		Since:    params.Since,
		MaxRows:  params.MaxRows,
	}))
}

// inlinePage is the page of inline multiplications.
func (t Tenant) inlinePage(ctx context.Context, f Filter, from Position, rows int) ([]Position, error) {
	if f.Matrix != nil {
		return t.inlineOwnerPage(ctx, f, from)
	}
	params := db.PageInlinePendingParams{
		TenantID: t.id,
		Before:   inline.Bound(from.CreatedAt, from.ID),
		Since:    inline.SinceID(f.Since),
		MaxRows:  int32(rows), //nolint:gosec // a page
	}
	lists := map[string]func() ([]uuid.UUID, error){
		"pending": func() ([]uuid.UUID, error) { return t.store.db.PageInlinePending(ctx, params) },
		"completed": func() ([]uuid.UUID, error) {
			return t.store.db.PageInlineCompleted(ctx, db.PageInlineCompletedParams(params))
		},
	}
	var page []Position
	for _, state := range []string{"pending", "completed"} { // in the order of a life: one may be completed in between
		if !slices.Contains(f.States, state) {
			continue
		}
		ids, err := lists[state]()
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			page = append(page, Position{ID: id, CreatedAt: inline.Time(id)})
		}
	}
	return page, nil
}

// inlineOwnerPage is the page of the inline multiplication that a matrix is part of, if there is one.
func (t Tenant) inlineOwnerPage(ctx context.Context, f Filter, from Position) ([]Position, error) {
	owner, _, ok := inline.Owner(*f.Matrix)
	created := inline.Time(owner)
	if !ok || created.Before(f.Since) || !inline.Less(owner, inline.Bound(from.CreatedAt, from.ID)) {
		return nil, nil
	}
	rows, err := t.store.db.ListInline(ctx, []uuid.UUID{owner})
	var page []Position
	for _, row := range rows {
		if row.TenantID == t.id && slices.Contains(f.States, NewInline(inline.FromState(row), t.store.Retention).State) {
			page = append(page, Position{ID: owner, CreatedAt: created})
		}
	}
	return page, err
}

// merge returns the positions of both pages, newest first and each once.
func merge(pages ...[]Position) []Position {
	all := slices.Concat(pages...)
	slices.SortFunc(all, func(x, y Position) int {
		return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), bytes.Compare(y.ID[:], x.ID[:]))
	})
	return slices.CompactFunc(all, func(x, y Position) bool { return x.ID == y.ID })
}

// positions gives the rows of both lists their common type.
func positions[R db.PageByStateRow | db.PageByMatrixRow](rows []R, err error) ([]Position, error) {
	page := make([]Position, len(rows))
	for i, row := range rows {
		page[i] = Position(row)
	}
	return page, err
}

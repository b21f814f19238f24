package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store/database"
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
	read := t.page
	if f.Matrix != nil {
		read = t.pageOfMatrix
	}
	page, err := read(ctx, f, from, int32(limit+1)) //nolint:gosec // a page
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

// page reads a page of all of a tenant in one round trip. The statements are in the order of a life: one may be
// completed, or expanded, in between.
func (t Tenant) page(ctx context.Context, f Filter, from Position, rows int32) ([]Position, error) {
	var batch pgx.Batch
	inline.WalkIndexes(&batch)
	small := inline.Page{
		TenantID: t.id,
		Before:   inline.Bound(from.CreatedAt, from.ID),
		Since:    inline.SinceID(f.Since),
		MaxRows:  rows,
	}
	var lists []*[]uuid.UUID
	if slices.Contains(f.States, "pending") {
		lists = append(lists, inline.BatchPending(&batch, small))
	}
	if slices.Contains(f.States, "completed") {
		lists = append(lists, inline.BatchCompleted(&batch, small))
	}
	var page []Position
	batch.Queue(db.PageByState, f.States, t.id, from.CreatedAt, from.ID, f.Since, rows).Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		found, err := db.New(database.NewSent(rows)).PageByState(context.Background(), db.PageByStateParams{})
		page, err = positions(found, err)
		return err
	})
	if err := t.store.SendBatch(ctx, &batch); err != nil {
		return nil, err
	}
	for _, list := range lists {
		for _, id := range *list {
			page = append(page, Position{ID: id, CreatedAt: inline.Time(id)})
		}
	}
	return merge(page), nil
}

// pageOfMatrix reads a page of those that a matrix is part of.
func (t Tenant) pageOfMatrix(ctx context.Context, f Filter, from Position, rows int32) ([]Position, error) {
	small, err := t.inlineOwnerPage(ctx, f, from) // first: it may be expanded in between
	if err != nil {
		return nil, err
	}
	page, err := positions(t.store.db.PageByMatrix(ctx, db.PageByMatrixParams{
		MatrixID: *f.Matrix,
		TenantID: t.id,
		States:   f.States,
		Before:   from.CreatedAt,
		BeforeID: from.ID,
		Since:    f.Since,
		MaxRows:  rows,
	}))
	return merge(small, page), err
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

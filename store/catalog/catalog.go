// Package catalog lists the matrices of tenants.
package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/internal/db"
)

// Filter says which matrices a list has. The zero value matches each.
type Filter struct {
	Source store.MatrixSource // empty: any
	Since  time.Time          // created at this time or later
	Before time.Time          // created before this time; zero: no bound
}

// origins are those of all matrices.
var origins = []store.MatrixSource{
	store.FromUpload, store.FromInline, store.FromRandom, store.FromMultiplication, store.FromObject,
}

// newest is the position before the first matrix of a list.
var newest = store.Position{ID: uuid.Max, CreatedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}

// Page returns up to limit matrices of a tenant that are ready and match a filter, newest first, without their
// contents, from just behind a position on; the first page is behind nil. The position of the last one is nil when no
// more follow. The matrices of an inline multiplication have no rows of their own, and are not listed.
func Page(
	ctx context.Context, t store.Tenant, f Filter, behind *store.Position, limit int,
) ([]store.Matrix, *store.Position, error) {
	from := newest
	switch {
	case behind != nil:
		from = *behind
	case !f.Before.IsZero():
		from = store.Position{CreatedAt: f.Before} // with the smallest id: none of that very time
	}
	var sources []string
	for _, s := range origins {
		if f.Source == "" || f.Source == s {
			sources = append(sources, string(s))
		}
	}
	rows, err := db.New(t.Store().Pool).PageMatrices(ctx, db.PageMatricesParams{
		Tenant:   int32(t.ID()),
		Sources:  sources,
		Before:   from.CreatedAt,
		BeforeID: from.ID,
		Since:    f.Since,
		MaxRows:  int32(limit + 1), //nolint:gosec // a page
	})
	if err != nil {
		return nil, nil, fmt.Errorf("listing matrices: %w", err)
	}
	var next *store.Position
	if len(rows) > limit {
		rows = rows[:limit]
		next = &store.Position{ID: rows[limit-1].ID, CreatedAt: rows[limit-1].CreatedAt}
	}
	page := make([]store.Matrix, len(rows))
	for i, row := range rows {
		page[i] = store.Matrix{
			ID:        row.ID,
			Rows:      row.Rows,
			Cols:      row.Cols,
			DType:     row.DType,
			Source:    store.MatrixSource(row.Source),
			State:     store.Ready,
			Digest:    row.Digest,
			Object:    row.Object,
			CreatedAt: row.CreatedAt,
			ExpiresAt: row.ExpiresAt,
			TenantID:  t.ID(),
		}
	}
	return page, next, nil
}

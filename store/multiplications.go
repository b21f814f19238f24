package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
)

// Plan returns how the product is cut into tiles.
func (p Multiplication) Plan() matrix.Plan {
	return matrix.Plan{M: p.M, K: p.K, N: p.N, TileRows: p.TileRows, TileCols: p.TileCols}
}

// ResultShape returns the size of the product.
func (p Multiplication) ResultShape() matrix.Shape {
	return matrix.Shape{Rows: p.M, Cols: p.N, DType: p.DType}
}

// Product is a multiplication with its two operands and its result.
type Product struct {
	Multiplication
	A, B, C Matrix
}

// Product returns what a tile of the multiplication needs. ErrNotFound when there is none of that id.
func (s *Store) Product(ctx context.Context, id uuid.UUID) (Product, error) {
	row, err := s.GetProduct(ctx, id)
	if err != nil {
		return Product{}, notFound(err, "multiplication", id)
	}
	return Product{Multiplication: row.Multiplication, A: row.Matrix, B: row.Matrix_2, C: row.Matrix_3}, nil
}

// maxErrorsShown is how many of the newest errors of a product are shown.
const maxErrorsShown = 50

// Status is a multiplication as a client sees it, with what River knows about its tiles.
type Status struct {
	ListStatusesRow
	Errors []ListTileErrorsRow // the newest first
}

// Status returns the present state of a multiplication. ErrNotFound when there is none of that id.
func (q *Queries) Status(ctx context.Context, id uuid.UUID) (Status, error) {
	statuses, err := q.Statuses(ctx, []uuid.UUID{id})
	if err == nil && len(statuses) == 0 {
		err = fmt.Errorf("multiplication %v: %w", id, ErrNotFound)
	}
	if err != nil {
		return Status{}, err
	}
	return statuses[0], nil
}

// Statuses returns the present states of some multiplications, in the order of their ids. Those that are not there any
// more are left out.
func (q *Queries) Statuses(ctx context.Context, ids []uuid.UUID) ([]Status, error) {
	rows, err := q.ListStatuses(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading multiplications: %w", err)
	}
	found := make(map[uuid.UUID]*Status, len(rows))
	var failing []uuid.UUID
	for _, row := range rows {
		found[row.Multiplication.ID] = &Status{ListStatusesRow: row}
		if row.Failures > 0 {
			failing = append(failing, row.Multiplication.ID)
		}
	}
	if len(failing) > 0 { // few have errors
		errors, err := q.ListTileErrors(ctx, maxErrorsShown, failing)
		if err != nil {
			return nil, fmt.Errorf("reading the errors of multiplications: %w", err)
		}
		for _, e := range errors {
			status := found[e.MultiplicationID]
			status.Errors = append(status.Errors, e)
		}
	}
	statuses := make([]Status, 0, len(rows))
	for _, id := range ids {
		if status, ok := found[id]; ok {
			statuses = append(statuses, *status)
		}
	}
	return statuses, nil
}

package store

import (
	"context"

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
	GetMultiplicationRow
	Tiles  CountTilesRow
	Errors []ListTileErrorsRow // the newest first
}

// Status returns the present state of a multiplication. ErrNotFound when there is none of that id.
func (s *Store) Status(ctx context.Context, id uuid.UUID) (Status, error) {
	var status Status
	var err error
	if status.GetMultiplicationRow, err = s.GetMultiplication(ctx, id); err != nil {
		return status, notFound(err, "multiplication", id)
	}
	p := status.Multiplication
	if status.Tiles, err = s.CountTiles(ctx, p.FirstJob, p.LastJob, id.String()); err != nil {
		return status, err
	}
	status.Errors, err = s.ListTileErrors(ctx, ListTileErrorsParams{
		FirstJob: p.FirstJob, LastJob: p.LastJob, MultiplicationID: id.String(), MaxRows: maxErrorsShown,
	})
	return status, err
}

package matrix

import "context"

// Source gives out the elements of a matrix, one rectangle at a time. Implementations are safe for concurrent use.
type Source interface {
	// Shape returns the size of the matrix.
	Shape() Shape
	// ReadRect writes the elements of r, row-major and without padding, to dst. The rectangle must lie inside the
	// matrix, and dst must hold exactly r.Elements()·Shape().DType.Size() bytes.
	ReadRect(ctx context.Context, r Rect, dst []byte) error
}

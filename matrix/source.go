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

// Content names the elements of a Source: two Sources that have it, and whose keys are equal, have the same shape and
// the same elements, always.
type Content interface {
	// ContentKey returns a comparable value.
	ContentKey() any
}

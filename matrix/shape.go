package matrix

import (
	"fmt"
	"math"
)

// Shape is the size of a matrix: rows × cols elements of one type. Rows and Cols may be 0.
type Shape struct {
	Rows, Cols int64
	DType      DType
}

// Elements returns rows·cols.
func (s Shape) Elements() int64 { return s.Rows * s.Cols }

// Times returns the shape of the product of a matrix with this shape and one with shape b, which has as many rows as
// this one has columns.
func (s Shape) Times(b Shape) Shape {
	return Shape{
		Rows:  s.Rows,
		Cols:  b.Cols,
		DType: Promote(s.DType, b.DType),
	}
}

// Bytes returns the size of the content in bytes.
func (s Shape) Bytes() int64 { return s.Elements() * int64(s.DType.Size()) }

// Rect returns the rectangle that covers the whole matrix.
func (s Shape) Rect() Rect { return Rect{Rows: s.Rows, Cols: s.Cols} }

// String returns the shape in the form "3×4 float64".
func (s Shape) String() string { return fmt.Sprintf("%d×%d %s", s.Rows, s.Cols, s.DType) }

// Validate returns an error that wraps ErrShape for a negative dimension, and ErrTooLarge for more than maxBytes of
// content. It does not overflow. If maxBytes is 0 or less, the limit is what an int64 holds.
func (s Shape) Validate(maxBytes int64) error {
	if s.Rows < 0 || s.Cols < 0 {
		return fmt.Errorf("%w: %d×%d, dimensions must not be negative", ErrShape, s.Rows, s.Cols)
	}
	if maxBytes <= 0 {
		maxBytes = math.MaxInt64
	}
	if s.Cols > 0 && s.Rows > maxBytes/int64(s.DType.Size())/s.Cols {
		return fmt.Errorf("%w: %s has more than the allowed %d bytes", ErrTooLarge, s, maxBytes)
	}
	return nil
}

package matrix

import (
	"fmt"
	"math"
)

// DType is the type of a matrix's elements.
type DType string

// The element types that Millrace stores and multiplies.
const (
	Float64 DType = "float64"
	Float32 DType = "float32"
)

// Size returns the bytes of one element.
func (d DType) Size() int {
	if d == Float32 {
		return 4
	}
	return 8
}

// ParseDType turns a name as NumPy and the API spell it into a DType; the empty name means float64.
func ParseDType(name string) (DType, error) {
	switch d := DType(name); d {
	case "":
		return Float64, nil
	case Float64, Float32:
		return d, nil
	default:
		return "", fmt.Errorf("%w: dtype %q, use %q or %q", ErrUnsupported, name, Float64, Float32)
	}
}

// Promote returns the element type of the product of a and b, by NumPy's rule: float32 only if both are.
func Promote(a, b DType) DType {
	if a == Float32 && b == Float32 {
		return Float32
	}
	return Float64
}

// Shape is the size of a matrix: rows × cols elements of one type. Either may be 0.
type Shape struct {
	Rows, Cols int64
	DType      DType
}

// Elements returns rows·cols.
func (s Shape) Elements() int64 { return s.Rows * s.Cols }

// Bytes returns the size of the content in bytes.
func (s Shape) Bytes() int64 { return s.Elements() * int64(s.DType.Size()) }

// Rect returns the rectangle that covers the whole matrix.
func (s Shape) Rect() Rect { return Rect{Rows: s.Rows, Cols: s.Cols} }

// String returns the shape as people write it: "3×4 float64".
func (s Shape) String() string { return fmt.Sprintf("%d×%d %s", s.Rows, s.Cols, s.DType) }

// Validate returns ErrShape for a negative dimension and ErrTooLarge for more than maxBytes of content; it is safe
// against overflow. maxBytes of 0 or less means no limit but what an int64 holds.
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

// Rect is a rectangle of a matrix: Rows × Cols elements whose upper left one is (Row, Col).
type Rect struct {
	Row, Col, Rows, Cols int64
}

// Elements returns the number of elements in the rectangle.
func (r Rect) Elements() int64 { return r.Rows * r.Cols }

// Empty reports whether the rectangle has no elements.
func (r Rect) Empty() bool { return r.Rows <= 0 || r.Cols <= 0 }

// Intersect returns the part that r and s share; it is empty when they share nothing.
func (r Rect) Intersect(s Rect) Rect {
	row, col := max(r.Row, s.Row), max(r.Col, s.Col)
	return Rect{
		Row: row, Col: col,
		Rows: max(0, min(r.Row+r.Rows, s.Row+s.Rows)-row),
		Cols: max(0, min(r.Col+r.Cols, s.Col+s.Cols)-col),
	}
}

package matrix

// Rect is a rectangle of a matrix: Rows × Cols elements whose upper left one is (Row, Col).
type Rect struct {
	Row, Col, Rows, Cols int64
}

// Elements returns the number of elements in the rectangle.
func (r Rect) Elements() int64 { return r.Rows * r.Cols }

// Empty reports whether the rectangle has no elements.
func (r Rect) Empty() bool { return r.Rows <= 0 || r.Cols <= 0 }

// Intersect returns the part that r and s share. It is empty if they share nothing.
func (r Rect) Intersect(s Rect) Rect {
	row := max(r.Row, s.Row)
	col := max(r.Col, s.Col)
	return Rect{
		Row:  row,
		Col:  col,
		Rows: max(0, min(r.Row+r.Rows, s.Row+s.Rows)-row),
		Cols: max(0, min(r.Col+r.Cols, s.Col+s.Cols)-col),
	}
}

// CopyRect copies the elements of part from src, which holds the rectangle from, to dst, which holds the rectangle to.
// Both are row-major; elements are size bytes.
func CopyRect(dst []byte, to Rect, src []byte, from, part Rect, size int64) {
	for row := part.Row; row < part.Row+part.Rows; row++ {
		d := ((row-to.Row)*to.Cols + part.Col - to.Col) * size
		s := ((row-from.Row)*from.Cols + part.Col - from.Col) * size
		copy(dst[d:d+part.Cols*size], src[s:s+part.Cols*size])
	}
}

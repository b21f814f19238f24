package matrix

import "context"

// window is a rectangle of another source, as a matrix of its own.
type window struct {
	Source
	rect Rect
}

// NewWindow returns the part of src that r covers, as a matrix of its own. The rectangle must lie inside src.
func NewWindow(src Source, r Rect) Source { return window{Source: src, rect: r} }

// Shape implements Source.
func (w window) Shape() Shape {
	return Shape{
		Rows:  w.rect.Rows,
		Cols:  w.rect.Cols,
		DType: w.Source.Shape().DType,
	}
}

// ReadRect implements Source.
func (w window) ReadRect(ctx context.Context, r Rect, dst []byte) error {
	r.Row += w.rect.Row
	r.Col += w.rect.Col
	return w.Source.ReadRect(ctx, r, dst)
}

package matrix

import "context"

// Memory is a Source of elements that are in memory.
type Memory struct {
	shape   Shape
	content []byte
}

// NewMemory returns the matrix of the given shape whose elements are content, row-major, shape.Bytes() bytes. The
// Memory keeps content, which must not change afterwards.
func NewMemory(shape Shape, content []byte) Memory { return Memory{shape: shape, content: content} }

// Shape implements Source.
func (m Memory) Shape() Shape { return m.shape }

// ElementsOf returns the elements of a Memory, row-major, without a copy. It returns false if they are not of type T,
// or their memory is not aligned for it.
func ElementsOf[T Float](m Memory) ([]T, bool) {
	if m.shape.DType != DTypeOf[T]() || !isAligned[T](m.content) {
		return nil, false
	}
	return AsFloats[T](m.content), true
}

// ReadRect implements Source.
func (m Memory) ReadRect(_ context.Context, r Rect, dst []byte) error {
	size := int64(m.shape.DType.Size())
	width := r.Cols * size
	for i := range r.Rows {
		from := ((r.Row+i)*m.shape.Cols + r.Col) * size
		copy(dst[i*width:(i+1)*width], m.content[from:from+width])
	}
	return nil
}

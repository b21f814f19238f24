package matrix

import (
	"context"

	"github.com/millrace/millrace/matrix/internal/splitmix"
)

// Random is a Source of pseudo-random elements, uniform in [0, 1) with 53 bits in float64 and 24 bits in float32. It
// stores no elements: element (i, j) is output i·cols+j of the generator SplitMix64 seeded with seed, so that the same
// shape and seed give the same matrix, in whatever rectangles it is read.
type Random struct {
	shape Shape
	seed  uint64
}

// NewRandom returns the random matrix of the given shape and seed.
func NewRandom(shape Shape, seed uint64) Random { return Random{shape: shape, seed: seed} }

// Shape implements Source.
func (r Random) Shape() Shape { return r.shape }

// ContentKey implements Content.
//
//house:ignore any a key is of any type that can be compared
func (r Random) ContentKey() any { return r }

// ReadRect implements Source.
func (r Random) ReadRect(ctx context.Context, rect Rect, dst []byte) error {
	if r.shape.DType == Float32 {
		return generate(ctx, r, rect, dst, splitmix.Fill32)
	}
	return generate(ctx, r, rect, dst, splitmix.Fill64)
}

// generate calls fill for each row of the rectangle, with the state that precedes the row's first element.
func generate[T Float](ctx context.Context, r Random, rect Rect, dst []byte, fill func(state uint64, dst []T)) error {
	rowBytes := int(rect.Cols) * r.shape.DType.Size()
	var scratch []T
	for i := range rect.Rows {
		// Checking the context takes longer than generating an element.
		if i%256 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		index := (rect.Row+i)*r.shape.Cols + rect.Col
		state := r.seed + uint64(index)*splitmix.Gamma //nolint:gosec // Arithmetic modulo 2⁶⁴ is intended.
		row := dst[int(i)*rowBytes : int(i+1)*rowBytes]
		if isAligned[T](row) {
			fill(state, AsFloats[T](row))
			continue
		}
		if scratch == nil {
			scratch = make([]T, rect.Cols)
		}
		fill(state, scratch)
		copy(row, AsBytes(scratch))
	}
	return nil
}

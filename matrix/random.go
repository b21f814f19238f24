package matrix

import (
	"context"
	"unsafe"
)

// Random is a Source of pseudo-random elements, uniform in [0, 1) with 53 bits in float64 and 24 bits in float32. It
// stores nothing: element (i, j) is output i·cols+j of the generator SplitMix64 seeded with seed, so that the same shape
// and seed give the same matrix wherever and in whatever rectangles it is read.
type Random struct {
	shape Shape
	seed  uint64
}

// NewRandom returns the random matrix of that shape and seed.
func NewRandom(shape Shape, seed uint64) Random { return Random{shape: shape, seed: seed} }

// The constants of SplitMix64: G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number generators,
// OOPSLA 2014, with the mixing function of D. Stafford's variant 13. Its state advances by a constant, so that output i
// is a function of i.
const (
	splitMixGamma = 0x9e3779b97f4a7c15
	splitMixMul1  = 0xbf58476d1ce4e5b9
	splitMixMul2  = 0x94d049bb133111eb
)

// splitMix64 returns the output of the generator in the given state.
func splitMix64(state uint64) uint64 {
	z := (state ^ state>>30) * splitMixMul1
	z = (z ^ z>>27) * splitMixMul2
	return z ^ z>>31
}

// Shape implements Source.
func (r Random) Shape() Shape { return r.shape }

// ReadRect implements Source.
func (r Random) ReadRect(ctx context.Context, rect Rect, dst []byte) error {
	if r.shape.DType == Float32 {
		return generate(ctx, r, rect, dst, fillFloat32)
	}
	return generate(ctx, r, rect, dst, fillFloat64)
}

// generate calls fill for each row of the rectangle, with the state that precedes the row's first element.
func generate[T Float](ctx context.Context, r Random, rect Rect, dst []byte, fill func(state uint64, dst []T)) error {
	rowBytes := int(rect.Cols) * r.shape.DType.Size()
	var scratch []T
	for i := range rect.Rows {
		// A look at the context takes longer than an element.
		if i%256 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		index := (rect.Row+i)*r.shape.Cols + rect.Col
		state := r.seed + uint64(index)*splitMixGamma //nolint:gosec // Arithmetic modulo 2⁶⁴ is what is wanted.
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

func fillFloat64(state uint64, dst []float64) {
	for i := range dst {
		state += splitMixGamma
		dst[i] = float64(int64(splitMix64(state)>>11)) * 0x1p-53
	}
}

func fillFloat32(state uint64, dst []float32) {
	for i := range dst {
		state += splitMixGamma
		dst[i] = float32(int32(splitMix64(state)>>40)) * 0x1p-24
	}
}

// isAligned reports whether AsFloats[T] takes b.
func isAligned[T Float](b []byte) bool {
	var zero T
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%unsafe.Alignof(zero) == 0
}

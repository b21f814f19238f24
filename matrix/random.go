package matrix

import "context"

// Random is a Source of pseudo-random elements, uniform in [0, 1) with 53 bits in float64 and 24 bits in float32. It
// stores no elements: element (i, j) is output i·cols+j of the generator SplitMix64 seeded with seed, so that the same
// shape and seed give the same matrix, in whatever rectangles it is read.
type Random struct {
	shape Shape
	seed  uint64
}

// NewRandom returns the random matrix of the given shape and seed.
func NewRandom(shape Shape, seed uint64) Random { return Random{shape: shape, seed: seed} }

// The constants of SplitMix64: G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number generators,
// OOPSLA 2014, with the mixing function of D. Stafford's variant 13. Its state advances by a constant, so that output i
// is a function of i.
const (
	splitMixGamma = 0x9e3779b97f4a7c15
	splitMixMul1  = 0xbf58476d1ce4e5b9
	splitMixMul2  = 0x94d049bb133111eb
)

// splitMix64 returns the output of the generator for the given state.
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
		// Checking the context takes longer than generating an element.
		if i%256 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		index := (rect.Row+i)*r.shape.Cols + rect.Col
		state := r.seed + uint64(index)*splitMixGamma //nolint:gosec // Arithmetic modulo 2⁶⁴ is intended.
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

// fillFloat64 turns the outputs that follow state into elements. It does so four at a time because they do not depend
// on each other, which is faster.
func fillFloat64(state uint64, dst []float64) {
	const gamma = splitMixGamma
	for ; len(dst) >= 4; dst = dst[4:] {
		s1 := state + gamma
		s2 := s1 + gamma
		s3 := s2 + gamma
		state = s3 + gamma
		d := (*[4]float64)(dst)
		d[0], d[1] = unit64(splitMix64(s1)), unit64(splitMix64(s2))
		d[2], d[3] = unit64(splitMix64(s3)), unit64(splitMix64(state))
	}
	for i := range dst {
		state += gamma
		dst[i] = unit64(splitMix64(state))
	}
}

// fillFloat32 is fillFloat64 for float32.
func fillFloat32(state uint64, dst []float32) {
	const gamma = splitMixGamma
	for ; len(dst) >= 4; dst = dst[4:] {
		s1 := state + gamma
		s2 := s1 + gamma
		s3 := s2 + gamma
		state = s3 + gamma
		d := (*[4]float32)(dst)
		d[0], d[1] = unit32(splitMix64(s1)), unit32(splitMix64(s2))
		d[2], d[3] = unit32(splitMix64(s3)), unit32(splitMix64(state))
	}
	for i := range dst {
		state += gamma
		dst[i] = unit32(splitMix64(state))
	}
}

// unit64 turns the upper 53 bits of z into a number in [0, 1). It converts a signed integer because processors do that
// in one instruction.
func unit64(z uint64) float64 { return float64(int64(z>>11)) * 0x1p-53 }

// unit32 turns the upper 24 bits of z into a number in [0, 1), in the same way.
func unit32(z uint64) float32 { return float32(int32(z>>40)) * 0x1p-24 }

// Package splitmix turns the outputs of the generator SplitMix64 into random elements, with vector instructions where
// the CPU has them. The numbers are the same on all CPUs.
//
// The generator: G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014,
// with the mixing function of D. Stafford's variant 13. Its state advances by a constant, so that output i is a
// function of i.
package splitmix

// Gamma is what the state advances by.
const Gamma = 0x9e3779b97f4a7c15

const (
	mul1 = 0xbf58476d1ce4e5b9
	mul2 = 0x94d049bb133111eb
)

// Output returns the output of the generator for the given state.
func Output(state uint64) uint64 {
	z := (state ^ state>>30) * mul1
	z = (z ^ z>>27) * mul2
	return z ^ z>>31
}

// Fill64 turns the outputs that follow state into elements in [0, 1) of 53 bits.
func Fill64(state uint64, dst []float64) {
	n := fillVectors(state, dst, best.fill64)
	portable64(after(state, n), dst[n:])
}

// Fill32 turns the outputs that follow state into elements in [0, 1) of 24 bits.
func Fill32(state uint64, dst []float32) {
	n := fillVectors(state, dst, best.fill32)
	portable32(after(state, n), dst[n:])
}

// after returns the state n outputs later.
func after(state uint64, n int) uint64 {
	return state + uint64(n)*Gamma //nolint:gosec // n is not negative
}

// portable64 is Fill64 without vector instructions. It computes four elements at a time because they do not depend on
// each other, which is faster.
func portable64(state uint64, dst []float64) {
	const gamma = Gamma
	for ; len(dst) >= 4; dst = dst[4:] {
		s1 := state + gamma
		s2 := s1 + gamma
		s3 := s2 + gamma
		state = s3 + gamma
		d := (*[4]float64)(dst)
		d[0], d[1] = unit64(Output(s1)), unit64(Output(s2))
		d[2], d[3] = unit64(Output(s3)), unit64(Output(state))
	}
	for i := range dst {
		state += gamma
		dst[i] = unit64(Output(state))
	}
}

// portable32 is portable64 for float32.
func portable32(state uint64, dst []float32) {
	const gamma = Gamma
	for ; len(dst) >= 4; dst = dst[4:] {
		s1 := state + gamma
		s2 := s1 + gamma
		s3 := s2 + gamma
		state = s3 + gamma
		d := (*[4]float32)(dst)
		d[0], d[1] = unit32(Output(s1)), unit32(Output(s2))
		d[2], d[3] = unit32(Output(s3)), unit32(Output(state))
	}
	for i := range dst {
		state += gamma
		dst[i] = unit32(Output(state))
	}
}

// unit64 turns the upper 53 bits of z into a number in [0, 1). It converts a signed integer because processors do that
// in one instruction.
func unit64(z uint64) float64 { return float64(int64(z>>11)) * 0x1p-53 }

// unit32 turns the upper 24 bits of z into a number in [0, 1), in the same way.
func unit32(z uint64) float32 { return float32(int32(z>>40)) * 0x1p-24 }

package splitmix

import "unsafe"

// unroll is the number of vectors that a function of a level computes at a time. tools/gemmgen knows it as
// randomUnroll.
const unroll = 4

// maxCall is the number of elements of one call of the assembly, which cannot be interrupted: some 20 µs.
const maxCall = 1 << 15

// level is an instruction set.
type level struct {
	name           string
	fill64, fill32 vectors
}

// vectors is a function that fills vectors of lanes elements.
type vectors struct {
	lanes int
	fill  func(c *call)
}

// best is the level that is used.
var best = levels()[0]

// call is what the assembly fills in one call: count·unroll vectors at dst.
type call struct {
	dst    unsafe.Pointer
	count  int
	states [8]uint64 // those of the first vector
	step   uint64    // from the states of a vector to those of the next
	mul1   uint64
	mul2   uint64
	high1  uint64 // the upper halves of mul1 and mul2
	high2  uint64
	factor float64
	single uint64 // 2⁻²⁴ twice, as bits of float32
	low    uint64 // 2⁵² as bits of a float64
	high   uint64 // 2⁸⁴ as bits of a float64
	bias   float64
}

// fillVectors fills as many elements of dst as are whole turns of the assembly, and returns how many these are.
func fillVectors[T float32 | float64](state uint64, dst []T, v vectors) int {
	turn := unroll * v.lanes
	if turn == 0 || len(dst) < turn {
		return 0
	}
	c := call{
		step:   after(0, v.lanes),
		mul1:   mul1,
		mul2:   mul2,
		high1:  mul1 >> 32,
		high2:  mul2 >> 32,
		factor: 0x1p-53,
		single: 0x33800000_33800000,
		low:    0x433 << 52,
		high:   0x453 << 52,
		bias:   0x1p84 + 0x1p52,
	}
	if unsafe.Sizeof(dst[0]) == 4 {
		c.factor = 0x1p-24
	}
	done := 0
	for len(dst)-done >= turn {
		n := min(len(dst)-done, maxCall) / turn
		c.dst = unsafe.Pointer(&dst[done])
		c.count = n
		for i := range c.states {
			c.states[i] = after(state, done+i+1)
		}
		v.fill(&c)
		done += n * turn
	}
	return done
}

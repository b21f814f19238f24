package gemm

import "github.com/klauspost/cpuid/v2"

// blocking is the size of what is packed at once, in elements.
type blocking struct {
	depth   int // columns of A and rows of B
	height  int // rows of the block of A
	breadth int // columns of the panel of B
	// small is the size in bytes of A and B together up to which packing does not pay.
	small int
}

// caches are the sizes of the second- and third-level cache in bytes.
type caches struct{ l2, l3 int }

// detectCaches returns the sizes of this CPU's caches, or those of a small CPU where they are unknown.
func detectCaches() caches {
	c := caches{
		l2: cpuid.CPU.Cache.L2,
		l3: cpuid.CPU.Cache.L3,
	}
	if c.l2 <= 0 {
		c.l2 = 512 << 10
	}
	if c.l3 <= 0 {
		c.l3 = 8 << 20
	}
	return c
}

const (
	// line is the size of a cache line.
	line = 64
	// maxRow is the size of a row of a block of A in bytes: from there on reading and writing C costs little. It is a
	// line less than a page, so that micro-panels do not compete for the same sets.
	maxRow = 4096 - line
	// firstLevel is the size of the smallest first-level cache of data among the CPUs that these kernels are for.
	firstLevel = 32 << 10
	// minDepth is the depth below which reading and writing C costs too much: 8×24 elements are 3 % slower with it.
	minDepth = 256
	// smallTile is the size in bytes of a tile with which half of the second-level cache is small. A larger tile reads its
	// operands fewer times, and can read more of them from farther away. Measured.
	smallTile = 6 * 64
	// maxPanel bounds the memory of a call, in bytes.
	maxPanel = 6 << 20
)

// newBlocking returns the blocking for a tile of rows×columns elements of size bytes on a CPU with caches c.
//
// The model is that of T. M. Low, F. D. Igual, T. M. Smith and E. S. Quintana-Ortí, Analytical Modeling Is Enough for
// High-Performance BLIS, ACM TOMS 43, 2016. There the first-level cache of W ways holds a micro-panel of B, one of A
// and a line of C in each set: C_A = ⌊(W-1) / (1 + n_r/m_r)⌋ ways are for A, and
//
//	k_c = C_A · sets · line / (m_r · size).
//
// This is 64 for 8×24 elements of float64 and 32 KiB, for which C would be read and written too often: our kernels
// ask for both micro-panels ahead of time and run as fast from the second-level cache. So the depth is maxRow, unless
// a smaller one, of minDepth at least, lets the micro-panel of B stay in half of the first level. AVX2 has such a one:
// 256, as in the model for float64. There it is 2 % faster, and 10 % where other programs are busy with the caches.
// NEON has 336, not measured. The depth is the same on all CPUs, and with it the order of each sum: caches and the way
// to multiply do not change a bit of C.
//
// The block of A may take what the micro-panel of B and C leave of the second-level cache in the model, m_c = C_A ·
// ways' size / (k_c · size), which is three quarters. It gets a quarter: what is asked for ahead of time needs room
// too, and measured that is up to 3 % faster. The panel of B gets a quarter of the third level, which all cores
// share. Both have as many rows and columns as they would with maxRow: more is no faster.
func newBlocking(c caches, rows, columns, size int) blocking {
	depth := maxRow / size / blockK * blockK
	if half := firstLevel / 2 / (columns * size) / blockK * blockK; half >= minDepth {
		depth = min(depth, half)
	}
	return blocking{
		depth:   depth,
		height:  max(1, c.l2/4/maxRow/rows) * rows,
		breadth: max(1, min(maxPanel, c.l3/4)/maxRow/columns) * columns,
		small:   c.l2 / 2 * (rows * columns * size) / smallTile,
	}
}

package gemm

import "unsafe"

// blockK is the number of elements of a row of A that lie together in packed A. tools/gemmgen knows it as block.
const blockK = 8

// tile is what the assembly multiplies in one call. Distances are in bytes.
type tile struct {
	k      int
	a      unsafe.Pointer
	aRow   int // from a row of A to the next; of direct kernels only
	aNext  int // packed kernels: from a micro-panel to the next; direct ones: what is skipped after blockK elements
	b      unsafe.Pointer
	bRow   int // from a row of B to the next; of direct kernels only
	c      unsafe.Pointer
	cRow   int
	panels int            // micro-panels of A, one below the other; of packed kernels only
	mask   *laneMask      // lanes of the last vector that count; of direct kernels only
	r, w   unsafe.Pointer // the weights of columns; of what packs and sums only, as are the next two
	sums   unsafe.Pointer
	bounds unsafe.Pointer
	// accumulate is not zero if the product is added to C.
	accumulate int
}

// laneMask says which lanes of a vector count.
type laneMask struct {
	bits  uint64   // one bit for each lane
	full  uint64   // not zero if all lanes count
	lanes [32]byte // all ones in each lane that counts
}

// newLaneMasks returns a mask for each number of lanes, for vectors of count lanes of size bytes.
func newLaneMasks(count, size int) []laneMask {
	masks := make([]laneMask, count+1)
	for n := range masks {
		masks[n].bits = 1<<n - 1
		if n == count {
			masks[n].full = 1
		}
		for i := range min(n*size, len(masks[n].lanes)) {
			masks[n].lanes[i] = 0xff
		}
	}
	return masks
}

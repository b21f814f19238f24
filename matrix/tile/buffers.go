package tile

import (
	"math/bits"
	"sync"

	"github.com/millrace/millrace/matrix"
)

// bufferPool lends out large buffers. It has one sync.Pool per size, so that the garbage collector frees buffers that
// have not been used for a while. There are four sizes to a factor of two, so that at most a fifth of a buffer is
// unused.
type bufferPool struct {
	pools [4 * 64]sync.Pool // of *[]float64
}

// minBufferElements is the size of the smallest buffer, 4 KiB.
const minBufferElements = 512

// bufferSize returns the class of the buffers for n elements of float64, and their size in elements.
func bufferSize(n int) (class, size int) {
	n = max(n, minBufferElements)
	shift := bits.Len(uint(n-1)) - 3 // n is more than 4<<shift and at most 8<<shift.
	steps := (n-1)>>shift + 1
	return 4*shift + steps - 5, steps << shift
}

// take returns n bytes, aligned for any element, with undefined content.
func (p *bufferPool) take(n int) []byte {
	class, size := bufferSize((n + 7) / 8)
	if buf, ok := p.pools[class].Get().(*[]float64); ok {
		return matrix.AsBytes(*buf)[:n]
	}
	return matrix.AsBytes(make([]float64, size))[:n]
}

// put takes back a buffer of take.
func (p *bufferPool) put(b []byte) {
	buf := matrix.AsFloats[float64](b[:cap(b)])
	class, _ := bufferSize(len(buf))
	p.pools[class].Put(&buf)
}

package matrix

// The bounds of the length of a blockPool's free list.
const (
	minPooledBlocks = 4
	maxPooledBlocks = maxStripeElements / minBlockElements
)

// firstBufferBytes is the size of a block's first buffer before the pool is trusted.
const firstBufferBytes = 16 << 10

// blockPool lends out the buffers of blocks. It keeps a bounded number of free ones. get and put may be called from any
// goroutine, trust and grow from one.
type blockPool struct {
	size    int // bytes of a whole block, and the least capacity of a buffer that is kept
	free    chan []byte
	trusted bool // see trust
}

// newBlockPool returns a pool of buffers of size bytes, for about stripe buffers at a time.
func newBlockPool(size, stripe int64) *blockPool {
	return &blockPool{size: int(size), free: make(chan []byte, max(minPooledBlocks, min(stripe, maxPooledBlocks)))}
}

// trust makes grow allocate buffers of full size at once. It is called when a whole stripe has arrived.
func (p *blockPool) trust() { p.trusted = true }

// get returns a buffer of length n with undefined content.
func (p *blockPool) get(n int) []byte {
	select {
	case b := <-p.free:
		return b[:n]
	default:
		return make([]byte, n)
	}
}

// grow returns buf with room for n more bytes of a block that will have limit bytes in the end. Until the pool is
// trusted, the buffer is about twice as large as what has arrived: a header with a false shape cannot make it larger.
func (p *blockPool) grow(buf []byte, n, limit int) []byte {
	need := len(buf) + n
	if need <= cap(buf) {
		return buf
	}
	if buf == nil {
		select {
		case b := <-p.free:
			return b[:0]
		default:
		}
	}
	capacity := limit
	if !p.trusted {
		capacity = min(limit, max(need, 2*cap(buf), firstBufferBytes))
	}
	grown := make([]byte, len(buf), capacity)
	copy(grown, buf)
	return grown
}

// put takes a buffer back, which the caller must not use again. The pool drops buffers that are too small, and those
// that it has no room for.
func (p *blockPool) put(buf []byte) {
	if cap(buf) < p.size {
		return
	}
	select {
	case p.free <- buf[:0]:
	default:
	}
}

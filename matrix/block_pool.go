package matrix

// The free list of a blockPool keeps at least and at most so many buffers, whatever the stripe.
const (
	minPooledBlocks = 4
	maxPooledBlocks = maxStripeElements / minBlockElements
)

// firstBufferBytes is the size of a block's buffer as long as there is no telling whether the content will come.
const firstBufferBytes = 16 << 10

// blockPool gives out block buffers and takes them back, from any goroutine. It keeps a bounded number of free ones.
type blockPool struct {
	size    int // bytes of a whole block, and the least capacity of a buffer that is kept
	free    chan []byte
	trusted bool // belongs to the goroutine that calls trust and grow
}

// newBlockPool returns a pool of buffers of size bytes, for about stripe buffers at a time.
func newBlockPool(size, stripe int64) *blockPool {
	return &blockPool{size: int(size), free: make(chan []byte, max(minPooledBlocks, min(stripe, maxPooledBlocks)))}
}

// trust says that a whole stripe has arrived, so that buffers are worth their full size at once.
func (p *blockPool) trust() { p.trusted = true }

// get returns a buffer of length n, with arbitrary content.
func (p *blockPool) get(n int) []byte {
	select {
	case b := <-p.free:
		return b[:n]
	default:
		return make([]byte, n)
	}
}

// grow returns buf with room for n more bytes of a block that will have limit bytes in the end. Until the pool is
// trusted it takes about twice the memory of what has arrived: a header that lies about its shape gets no more.
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

// put takes a buffer back; whoever gives it must not use it again. It drops what it has no room or no use for.
func (p *blockPool) put(buf []byte) {
	if cap(buf) < p.size {
		return
	}
	select {
	case p.free <- buf[:0]:
	default:
	}
}

package memory

import (
	"io"
	"sync"
)

const chunkBytes = 64 << 10

var chunkPool = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// Chunks holds bytes in pieces of one size, so that they neither move nor are there twice when they become more.
type Chunks struct {
	pieces []*[chunkBytes]byte
	size   int
}

// Write appends bytes.
func (c *Chunks) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		used := c.size % chunkBytes
		if used == 0 {
			c.pieces = append(c.pieces, chunkPool.Get().(*[chunkBytes]byte))
		}
		n := copy(c.pieces[len(c.pieces)-1][used:], p)
		c.size += n
		p = p[n:]
	}
	return written, nil
}

// Size returns how many bytes there are.
func (c *Chunks) Size() int { return c.size }

// Each calls f for all bytes in order, a piece at a time.
func (c *Chunks) Each(f func([]byte)) {
	for i, piece := range c.pieces {
		f(piece[:min(chunkBytes, c.size-i*chunkBytes)])
	}
}

// MoveTo writes all bytes to w and forgets them.
func (c *Chunks) MoveTo(w io.Writer) error {
	var failed error
	for i, piece := range c.pieces {
		if failed == nil {
			_, failed = w.Write(piece[:min(chunkBytes, c.size-i*chunkBytes)])
		}
		c.pieces[i] = nil // the memory moves with the bytes
		chunkPool.Put(piece)
	}
	*c = Chunks{}
	return failed
}

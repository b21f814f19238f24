package matrix

import (
	"errors"
	"fmt"
)

// Striper is an io.WriteCloser that cuts a stream of elements, little-endian and in C or Fortran order, into the blocks
// of a Grid. It holds one stripe of blocks: BlockRows full rows, or BlockCols full columns in Fortran order. If a
// stripe is one line high it holds one block.
//
// Write and Close must be called from one goroutine; Recycle may be called from any.
type Striper struct {
	grid    Grid
	arrival Grid  // the grid in the order of arrival: grid itself, or its mirror image in Fortran order
	across  int64 // blocks of a stripe
	dtype   DType
	size    int64 // bytes of an element
	fortran bool
	emit    func(index int64, block []byte) error
	pool    *blockPool

	// The place of the next byte. A segment is a part of one block that arrives without a break: a line of it, or the
	// whole block if a stripe is one block.
	blocks [][]byte // the present stripe, as far as it has arrived
	stripe int64    // number of the present stripe
	lines  int64    // segments per block of the present stripe
	line   int64    // the present segment's line in the stripe
	block  int64    // the present segment's block in the stripe
	left   int64    // bytes that the present segment lacks; 0 once the content is complete

	total  int64 // bytes that have arrived
	closed bool
	err    error
}

// errStriperClosed is what Write returns after Close.
var errStriperClosed = errors.New("matrix: write to a closed Striper")

// NewStriper returns a Striper that calls emit with each block, row-major, and its index in grid. For content in C
// order the indexes ascend; for content in Fortran order blocks come block column by block column. emit owns the block
// that it is given, and may return it with Recycle at any time. An error of emit ends the Striper: Write or Close
// returns it.
//
// The grid should be that of GridFor for content in C order and that of ColumnGridFor for content in Fortran order. In
// C order grid.Rows may be UnknownRows; in Fortran order NewStriper panics if it is.
func NewStriper(grid Grid, dtype DType, fortran bool, emit func(index int64, block []byte) error) *Striper {
	s := &Striper{
		grid:    grid,
		arrival: grid,
		dtype:   dtype,
		size:    int64(dtype.Size()),
		fortran: fortran,
		emit:    emit,
	}
	if fortran {
		if grid.Rows < 0 {
			panic("matrix: content in Fortran order needs a known number of rows")
		}
		s.arrival = grid.transposed()
	}
	s.across = s.arrival.Across()
	held := s.across
	if s.arrival.BlockRows == 1 {
		held = min(held, 1) // A long row has many blocks, and each is complete before the next begins.
	}
	s.blocks = make([][]byte, held)
	s.pool = newBlockPool(grid.BlockRows*grid.BlockCols*s.size, held)
	s.startStripe()
	return s
}

// Write takes the next bytes of the content, which may be cut anywhere. If there are more than the grid has room for,
// the error wraps ErrMalformed.
func (s *Striper) Write(p []byte) (int, error) {
	if s.closed {
		return 0, errStriperClosed
	}
	written := 0
	for written < len(p) && s.err == nil {
		if s.left == 0 {
			s.err = fmt.Errorf("%w: more content than its shape has room for", ErrMalformed)
			break
		}
		n := int(min(s.left, int64(len(p)-written)))
		b := &s.blocks[s.slot()]
		*b = append(s.pool.grow(*b, n, s.blockBytes()), p[written:written+n]...)
		written += n
		s.total += int64(n)
		if s.left -= int64(n); s.left == 0 {
			s.err = s.nextSegment()
		}
	}
	return written, s.err
}

// Next returns how many bytes are missing to the next place where no block is partial: there another Striper can go on.
// It is 0 at the end of the content. The number of rows must be known.
func (s *Striper) Next() int64 {
	total := s.grid.Rows * s.grid.Cols * s.size
	line := s.arrival.Cols * s.size
	if line == 0 {
		return 0
	}
	if s.arrival.BlockRows > 1 {
		stripe := s.arrival.BlockRows * line
		return min((s.total/stripe+1)*stripe, total) - s.total
	}
	block := s.arrival.BlockCols * s.size
	into := s.total % line
	return min((into/block+1)*block, line, total-s.total+into) - into
}

// Skip goes to the end of the first bytes of the content, whose blocks were emitted by another Striper: a place that
// Next tells. Nothing must have been written.
func (s *Striper) Skip(bytes int64) {
	line := s.arrival.Cols * s.size
	if bytes <= 0 || line == 0 {
		return
	}
	s.total = bytes
	s.stripe = (bytes/line + s.arrival.BlockRows - 1) / s.arrival.BlockRows
	s.startStripe()
	if into := bytes % line; s.arrival.BlockRows == 1 && into > 0 {
		s.block = into / (s.arrival.BlockCols * s.size)
		s.left = s.lineBytes()
	}
}

// Close ends the content. If the number of rows was unknown, it emits the rest of the last stripe. If the content ends
// within a row, or before the grid is full, the error wraps ErrMalformed. A second Close returns the same error.
func (s *Striper) Close() error {
	if !s.closed {
		s.closed = true
		if s.err == nil {
			s.err = s.finish()
		}
		s.blocks = nil
	}
	return s.err
}

// Rows returns the number of rows of the matrix: that of the grid or, if it is UnknownRows, the number of complete rows
// that have arrived. Rows without columns have no content and are not counted.
func (s *Striper) Rows() int64 {
	if s.grid.Rows >= 0 {
		return s.grid.Rows
	}
	if s.grid.Cols == 0 {
		return 0
	}
	return s.total / (s.grid.Cols * s.size)
}

// Recycle takes back a block that was passed to emit. It may be called from any goroutine, also after Close.
func (s *Striper) Recycle(block []byte) { s.pool.put(block) }

// startStripe moves to the first segment of stripe s.stripe, if there is such a stripe.
func (s *Striper) startStripe() {
	s.lines = s.arrival.BlockRows
	s.line = 0
	s.block = 0
	s.left = 0
	if s.arrival.Rows >= 0 {
		s.lines = min(s.lines, s.arrival.Rows-s.stripe*s.arrival.BlockRows)
	}
	if s.lines <= 0 || s.across == 0 {
		return
	}
	s.left = s.lineBytes()
	if s.across == 1 {
		s.left *= s.lines
		s.lines = 1
	}
}

// nextSegment moves on from a complete segment. It emits the block of the segment if that is complete too.
func (s *Striper) nextSegment() error {
	if s.line == s.lines-1 {
		if err := s.emitBlock(); err != nil {
			return err
		}
	}
	if s.block++; s.block == s.across {
		s.block = 0
		s.line++
	}
	if s.line < s.lines {
		s.left = s.lineBytes()
		return nil
	}
	s.stripe++
	s.pool.trust()
	s.startStripe()
	return nil
}

// finish checks that the content is complete, and emits the blocks of an incomplete last stripe.
func (s *Striper) finish() error {
	if s.grid.Rows >= 0 {
		if want := s.grid.Rows * s.grid.Cols * s.size; s.total != want {
			return fmt.Errorf("%w: the content ended after %d of %d bytes", ErrMalformed, s.total, want)
		}
		return nil
	}
	if s.grid.Cols == 0 {
		return nil
	}
	if row := s.grid.Cols * s.size; s.total%row != 0 {
		return fmt.Errorf("%w: row %d ended after %d of %d bytes", ErrMalformed, s.Rows(), s.total%row, row)
	}
	// The rows are complete, so that no block of the stripe has more lines than another.
	for s.block = range int64(len(s.blocks)) {
		if len(s.blocks[s.slot()]) == 0 {
			break
		}
		if err := s.emitBlock(); err != nil {
			return err
		}
	}
	return nil
}

// emitBlock passes the present block to emit.
func (s *Striper) emitBlock() error {
	block := s.blocks[s.slot()]
	s.blocks[s.slot()] = nil
	if !s.fortran {
		return s.emit(s.grid.Index(s.stripe, s.block), block)
	}
	out := s.pool.get(len(block))
	Transpose(out, block, s.blockWidth(), s.dtype)
	s.pool.put(block)
	return s.emit(s.grid.Index(s.block, s.stripe), out)
}

// slot returns the index of the present block in s.blocks.
func (s *Striper) slot() int64 { return min(s.block, int64(len(s.blocks))-1) }

// blockWidth returns the number of elements in a line of the present block.
func (s *Striper) blockWidth() int64 {
	return min(s.arrival.BlockCols, s.arrival.Cols-s.block*s.arrival.BlockCols)
}

// lineBytes returns the size of a line of the present block in bytes.
func (s *Striper) lineBytes() int64 { return s.blockWidth() * s.size }

// blockBytes returns the size of the present block in bytes, or more than that in the last stripe.
func (s *Striper) blockBytes() int { return int(s.arrival.BlockRows * s.lineBytes()) }

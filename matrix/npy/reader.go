package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/matrix"
)

// decodeBuffer is the size in bytes of the pieces in which elements are converted. It is a multiple of the size of each
// element type, and fits well into a second-level cache.
const decodeBuffer = 64 << 10

// Reader reads a .npy file from a stream. Read returns the elements in the order of the file, C or Fortran, as
// little-endian bytes of Header().Shape.DType. Elements that have this form in the file are not copied.
type Reader struct {
	src     io.Reader
	header  Header
	decode  decoder // nil: the file's bytes are the elements
	left    int64   // bytes of the content that src still has
	decoded int64   // elements

	raw     []byte // raw[:have] is content that was read but not decoded, less than an element between calls
	have    int
	spill   [8]byte // an element that did not fit into the slice of a Read
	pending []byte  // the part of spill that Read has not returned yet

	err error
}

// NewReader reads the header from r and checks it. It takes no memory for the elements. The matrix may have at most
// maxBytes bytes, computed from Header().Shape; 0 or less means no limit. Errors wrap matrix.ErrMalformed,
// matrix.ErrUnsupported, matrix.ErrShape or matrix.ErrTooLarge, or are those of r.
//
// NewReader reads exactly the header: until Read is called, the next byte of r is the first of the elements.
func NewReader(r io.Reader, maxBytes int64) (*Reader, error) {
	header, err := readHeader(r, maxBytes)
	if err != nil {
		return nil, err
	}
	return &Reader{
		src:    r,
		header: header,
		decode: header.element.decoder(),
		left:   header.ContentBytes(),
	}, nil
}

// Header returns the header of the file.
func (r *Reader) Header() Header { return r.header }

// Skip goes on behind the first elements, which what it reads from does not have any more. Nothing must have been read.
func (r *Reader) Skip(elements int64) {
	r.left -= elements * int64(r.header.element.size)
	r.decoded = elements
}

// Read returns the next bytes of the elements, and io.EOF after the last one if the file ends there. The error wraps
// matrix.ErrMalformed if the content is shorter or longer than the header says, and matrix.ErrUnsupported for an
// integer that float64 does not represent exactly.
func (r *Reader) Read(p []byte) (int, error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case len(r.pending) > 0:
		return r.givePending(p), nil
	case r.err != nil:
		return 0, r.err
	case r.left == 0 && r.have == 0:
		r.err = r.checkEnd()
		return 0, r.err
	case r.decode == nil:
		n := r.readSource(p)
		return n, r.errIfNone(n)
	case len(p) < r.header.Shape.DType.Size():
		r.pending = r.spill[:r.readDecoded(r.spill[:r.header.Shape.DType.Size()])]
		n := r.givePending(p)
		return n, r.errIfNone(n)
	default:
		n := r.readDecoded(p)
		return n, r.errIfNone(n)
	}
}

// errIfNone returns r.err if n is 0, so that an error follows the bytes that were read before it.
func (r *Reader) errIfNone(n int) error {
	if n > 0 {
		return nil
	}
	return r.err
}

// givePending copies from pending to p.
func (r *Reader) givePending(p []byte) int {
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n
}

// readDecoded decodes whole elements into p, at least one unless it sets r.err.
func (r *Reader) readDecoded(p []byte) int {
	from := r.header.element.size
	to := r.header.Shape.DType.Size()
	if r.raw == nil {
		r.raw = make([]byte, min(decodeBuffer, r.left))
	}
	want := min(len(r.raw), len(p)/to*from)
	for r.have < from && r.err == nil {
		r.have += r.readSource(r.raw[r.have:want])
	}
	n := r.have / from
	if bad := r.decode(p[:n*to], r.raw[:n*from]); bad >= 0 {
		r.err = r.header.inexact(r.decoded+int64(bad), r.raw[bad*from:])
		n = bad
		r.have = 0
	} else {
		r.have = copy(r.raw, r.raw[n*from:r.have])
	}
	r.decoded += int64(n)
	return n * to
}

// readSource reads a part of the content from the source. It sets r.err if that fails.
func (r *Reader) readSource(p []byte) int {
	n, err := r.src.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		r.err = fmt.Errorf("read .npy content: %w", err)
	case r.left > 0:
		r.err = fmt.Errorf("%w: the header promises %s, the content ended after %d bytes",
			matrix.ErrMalformed, r.promise(), r.header.ContentBytes()-r.left)
	}
	return n
}

// checkEnd returns io.EOF if the file ends after the elements.
func (r *Reader) checkEnd() error {
	switch n, err := io.ReadFull(r.src, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("%w: the header promises %s, the content goes on after them",
			matrix.ErrMalformed, r.promise())
	case errors.Is(err, io.EOF):
		return io.EOF
	default:
		return fmt.Errorf("read .npy content: %w", err)
	}
}

// promise returns the size of the content according to the header, such as "800 bytes of 10×10 float64".
func (r *Reader) promise() string {
	s := r.header.Shape
	return fmt.Sprintf("%d bytes of %d×%d %s", r.header.ContentBytes(), s.Rows, s.Cols, r.header.element)
}

// inexact returns the error for element i in file order, whose bytes are at the start of raw, little endian.
func (h Header) inexact(i int64, raw []byte) error {
	row, col := i/h.Shape.Cols, i%h.Shape.Cols
	if h.Fortran {
		row, col = i%h.Shape.Rows, i/h.Shape.Rows
	}
	value := fmt.Sprint(binary.LittleEndian.Uint64(raw))
	if h.element.kind == 'i' {
		value = fmt.Sprint(int64(binary.LittleEndian.Uint64(raw))) //nolint:gosec // the same 64 bits
	}
	return fmt.Errorf("%w: element [%d, %d] is the integer %s, float64 holds integers exactly up to ±2⁵³",
		matrix.ErrUnsupported, row, col, value)
}

package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/matrix"
)

// readHeader reads and checks the part of a file before the elements. The matrix may have at most maxBytes bytes after
// conversion.
func readHeader(r io.Reader, maxBytes int64) (Header, error) {
	version, err := readVersion(r)
	if err != nil {
		return Header{}, err
	}
	length := make([]byte, 4)
	if version == 1 {
		length = length[:2]
	}
	if err := readPart(r, length); err != nil {
		return Header{}, err
	}
	size := int64(binary.LittleEndian.Uint16(length))
	if version > 1 {
		size = int64(binary.LittleEndian.Uint32(length))
	}
	if size > maxHeader {
		return Header{}, fmt.Errorf("%w: a .npy header of %d bytes, at most %d are read",
			matrix.ErrMalformed, size, maxHeader)
	}
	text := make([]byte, size)
	if err := readPart(r, text); err != nil {
		return Header{}, err
	}
	h, err := newHeader(string(text), maxBytes)
	h.headBytes = int64(len(magic)) + 2 + int64(len(length)) + size
	return h, err
}

// readVersion reads the magic string and returns the major version, 1 to 3. The versions differ in the width of the
// header's length and in the header's encoding, Latin-1 or UTF-8. The headers that are accepted here are the same in
// both.
func readVersion(r io.Reader) (byte, error) {
	start := make([]byte, len(magic)+2)
	n, err := io.ReadFull(r, start)
	if start = start[:n]; !bytes.HasPrefix(start, []byte(magic)[:min(n, len(magic))]) {
		return 0, fmt.Errorf("%w: not a .npy file%s", matrix.ErrMalformed, otherFormat(start))
	}
	if n == 0 && errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%w: empty, where a .npy file should be", matrix.ErrMalformed)
	}
	if err != nil {
		return 0, headerError(err)
	}
	major := start[len(magic)]
	minor := start[len(magic)+1]
	if major < 1 || major > 3 || minor != 0 {
		return 0, fmt.Errorf("%w: .npy version %d.%d, use 1.0, 2.0 or 3.0", matrix.ErrUnsupported, major, minor)
	}
	return major, nil
}

// otherFormat returns a guess of the format of a file that is not .npy, with advice, or "".
func otherFormat(start []byte) string {
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return "; it looks like a .npz archive, save one array with np.save"
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return "; it looks compressed by gzip"
	case bytes.HasPrefix(start, []byte("\x89HDF")):
		return "; it looks like HDF5, save one array with np.save"
	case bytes.ContainsAny(start[:min(1, len(start))], "{["):
		return "; it looks like JSON"
	}
	return ""
}

// readPart fills p with the next bytes of the header.
func readPart(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	return headerError(err)
}

// headerError wraps an error of reading the header.
func headerError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends within the .npy header", matrix.ErrMalformed)
	default:
		return fmt.Errorf("read .npy header: %w", err)
	}
}

// newHeader parses and checks the header's text.
func newHeader(text string, maxBytes int64) (Header, error) {
	dict, err := parseDict(text)
	if err != nil {
		return Header{}, err
	}
	element, err := parseDescr(dict.descr)
	if err != nil {
		return Header{}, err
	}
	shape, err := newShape(dict.shape, element.dtype, maxBytes)
	if err != nil {
		return Header{}, err
	}
	return Header{
		Shape:   shape,
		Fortran: dict.fortran,
		Descr:   dict.descr,
		element: element,
	}, nil
}

// newShape returns the shape of a matrix of those dimensions, which must be two.
func newShape(dims []int64, dtype matrix.DType, maxBytes int64) (matrix.Shape, error) {
	switch len(dims) {
	case 2:
	case 0:
		return matrix.Shape{}, fmt.Errorf("%w: 0-dimensional array, reshape it to 1×1: a.reshape(1, 1)",
			matrix.ErrUnsupported)
	case 1:
		return matrix.Shape{}, fmt.Errorf("%w: 1-dimensional array, reshape it to n×1 or 1×n: "+
			"a.reshape(-1, 1) or a.reshape(1, -1)", matrix.ErrUnsupported)
	default:
		return matrix.Shape{}, fmt.Errorf("%w: %d-dimensional array, only two-dimensional ones are matrices: "+
			"send a slice, a[0]", matrix.ErrUnsupported, len(dims))
	}
	if maxBytes <= 0 || maxBytes > maxContent {
		maxBytes = maxContent
	}
	s := matrix.Shape{
		Rows:  dims[0],
		Cols:  dims[1],
		DType: dtype,
	}
	return s, s.Validate(maxBytes)
}

package matrix

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// readNPYHeader reads and checks all that precedes the elements. The content, as it is stored, may have maxBytes bytes.
func readNPYHeader(r io.Reader, maxBytes int64) (NPYHeader, error) {
	version, err := readNPYVersion(r)
	if err != nil {
		return NPYHeader{}, err
	}
	length := make([]byte, 4)
	if version == 1 {
		length = length[:2]
	}
	if err := readNPYPart(r, length); err != nil {
		return NPYHeader{}, err
	}
	size := int64(binary.LittleEndian.Uint16(length))
	if version > 1 {
		size = int64(binary.LittleEndian.Uint32(length))
	}
	if size > maxNPYHeader {
		return NPYHeader{}, fmt.Errorf("%w: a .npy header of %d bytes, at most %d are read", ErrMalformed, size, maxNPYHeader)
	}
	text := make([]byte, size)
	if err := readNPYPart(r, text); err != nil {
		return NPYHeader{}, err
	}
	h, err := newNPYHeader(string(text), maxBytes)
	h.headBytes = int64(len(npyMagic)) + 2 + int64(len(length)) + size
	return h, err
}

// readNPYVersion reads the magic string and returns the major version, 1 to 3. The versions differ in the width of the
// header's length and in the header's encoding, Latin-1 or UTF-8, which are the same for all that is accepted here.
func readNPYVersion(r io.Reader) (byte, error) {
	start := make([]byte, len(npyMagic)+2)
	n, err := io.ReadFull(r, start)
	if start = start[:n]; !bytes.HasPrefix(start, []byte(npyMagic)[:min(n, len(npyMagic))]) {
		return 0, fmt.Errorf("%w: not a .npy file%s", ErrMalformed, otherFormat(start))
	}
	if n == 0 && errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%w: empty, where a .npy file should be", ErrMalformed)
	}
	if err != nil {
		return 0, npyHeaderError(err)
	}
	major, minor := start[len(npyMagic)], start[len(npyMagic)+1]
	if major < 1 || major > 3 || minor != 0 {
		return 0, fmt.Errorf("%w: .npy version %d.%d, use 1.0, 2.0 or 3.0", ErrUnsupported, major, minor)
	}
	return major, nil
}

// otherFormat says what a file that is not .npy may be instead, and what to do.
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

// readNPYPart fills p with the next bytes of the header.
func readNPYPart(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	return npyHeaderError(err)
}

func npyHeaderError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends within the .npy header", ErrMalformed)
	default:
		return fmt.Errorf("read .npy header: %w", err)
	}
}

// newNPYHeader makes sense of the header's text.
func newNPYHeader(text string, maxBytes int64) (NPYHeader, error) {
	dict, err := parseNPYDict(text)
	if err != nil {
		return NPYHeader{}, err
	}
	element, err := parseNPYDescr(dict.descr)
	if err != nil {
		return NPYHeader{}, err
	}
	shape, err := newNPYShape(dict.shape, element.dtype, maxBytes)
	if err != nil {
		return NPYHeader{}, err
	}
	return NPYHeader{Shape: shape, Fortran: dict.fortran, Descr: dict.descr, element: element}, nil
}

func newNPYShape(dims []int64, dtype DType, maxBytes int64) (Shape, error) {
	switch len(dims) {
	case 2:
	case 0:
		return Shape{}, fmt.Errorf("%w: 0-dimensional array, reshape it to 1×1: a.reshape(1, 1)", ErrUnsupported)
	case 1:
		return Shape{}, fmt.Errorf("%w: 1-dimensional array, reshape it to n×1 or 1×n: a.reshape(-1, 1) or a.reshape(1, -1)",
			ErrUnsupported)
	default:
		return Shape{}, fmt.Errorf("%w: %d-dimensional array, only two-dimensional ones are matrices: send a slice, a[0]",
			ErrUnsupported, len(dims))
	}
	if maxBytes <= 0 || maxBytes > maxNPYContent {
		maxBytes = maxNPYContent
	}
	s := Shape{Rows: dims[0], Cols: dims[1], DType: dtype}
	return s, s.Validate(maxBytes)
}

package npy

import (
	"fmt"
	"io"

	"github.com/millrace/millrace/matrix"
)

// Layout says where the elements of a .npy file are, and how they are to be read. With the shape of the matrix it is
// all that it takes to read any of them.
type Layout struct {
	Descr   string // as in Header
	Fortran bool
	Offset  int64 // of the first element in the file
}

// Layout returns where the elements are.
func (h Header) Layout() Layout {
	return Layout{
		Descr:   h.Descr,
		Fortran: h.Fortran,
		Offset:  h.headBytes,
	}
}

// Parts reads the elements of a .npy file, whose header is known, some at a time. It is safe for concurrent use.
type Parts struct {
	header Header
	decode decoder
}

// NewParts returns what reads the elements of a matrix of a shape. Errors wrap matrix.ErrUnsupported or
// matrix.ErrMalformed.
func NewParts(s matrix.Shape, l Layout) (Parts, error) {
	e, err := parseDescr(l.Descr)
	if err != nil {
		return Parts{}, err
	}
	return Parts{
		header: Header{
			Shape:     s,
			Fortran:   l.Fortran,
			Descr:     l.Descr,
			element:   e,
			headBytes: l.Offset,
		},
		decode: e.decoder(),
	}, nil
}

// Size returns how many bytes an element takes in the file.
func (p Parts) Size() int64 { return int64(p.header.element.size) }

// At returns the offset in the file of an element, which is counted from 0 on in the order of the file.
func (p Parts) At(i int64) int64 { return p.header.headBytes + i*p.Size() }

// Read reads elements, from number first on in the order of the file, as many as dst has room for. r has their bytes as
// they are in the file. Errors are those of r, io.ErrUnexpectedEOF, and matrix.ErrUnsupported as those of Reader.
func (p Parts) Read(r io.Reader, first int64, dst []byte) error {
	if p.decode == nil {
		return whole(r, dst)
	}
	to := p.header.Shape.DType.Size()
	from := p.header.element.size
	buffer := make([]byte, min(decodeBuffer, len(dst)/to*from))
	for len(dst) > 0 {
		n := min(len(dst)/to, len(buffer)/from)
		raw := buffer[:n*from]
		if err := whole(r, raw); err != nil {
			return err
		}
		if bad := p.decode(dst[:n*to], raw); bad >= 0 {
			return p.header.inexact(first+int64(bad), raw[bad*from:])
		}
		dst = dst[n*to:]
		first += int64(n)
	}
	return nil
}

// whole fills p. Where nothing is left, that is too early.
func whole(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("read .npy content: %w", err)
	}
	return nil
}

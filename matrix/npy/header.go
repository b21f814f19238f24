package npy

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/matrix"
)

const (
	magic = "\x93NUMPY"
	// alignment is what NumPy aligns the elements to, so that a file can be mapped into memory.
	alignment = 64
	// growthDigits is the room that NumPy leaves in the header for the first dimension to grow in place: the digits
	// of the largest number that it could be.
	growthDigits = 21
	// maxHeader bounds the memory that a header may take. What NumPy writes for a plain array is 128 bytes long.
	maxHeader = 64 << 10
)

// Header is what the header of a .npy file says.
type Header struct {
	// Shape is the matrix's shape. Its DType is what the elements become: float32 stays, all else becomes float64.
	Shape matrix.Shape
	// Fortran says that the elements come column by column.
	Fortran bool
	// Descr is the type of the elements in the file, as NumPy spells it: "<f8".
	Descr string

	element   element
	headBytes int64 // of all that precedes the elements
}

// ContentBytes returns the bytes of the elements in the file, which may be fewer than Shape.Bytes().
func (h Header) ContentBytes() int64 { return h.Shape.Elements() * int64(h.element.size) }

// FileBytes returns the exact number of bytes that the file must have, header and elements.
func (h Header) FileBytes() int64 { return h.headBytes + h.ContentBytes() }

// maxContent is the most bytes that the elements may have without FileBytes overflowing.
const maxContent = math.MaxInt64 - maxHeader - alignment

// AppendHeader appends what precedes the elements in a .npy file of shape s in C order, byte for byte as np.save
// writes it since NumPy 1.24. Older versions leave no room for growth, which most often comes to the same 128 bytes.
func AppendHeader(dst []byte, s matrix.Shape) []byte {
	descr := "<f8"
	if s.DType == matrix.Float32 {
		descr = "<f4"
	}
	rows := fmt.Sprint(s.Rows)
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s, %d), }", descr, rows, s.Cols)
	dict += strings.Repeat(" ", growthDigits-len(rows))

	const prefix = len(magic) + 2 + 2
	// As in NumPy, a header that needs no padding gets a whole 64 bytes of it.
	padding := alignment - (prefix+len(dict)+1)%alignment
	dst = append(dst, magic...)
	dst = append(dst, 1, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(dict)+padding+1)) //nolint:gosec // at most a few hundred
	dst = append(dst, dict...)
	dst = append(dst, strings.Repeat(" ", padding)...)
	return append(dst, '\n')
}

package matrix

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// The .npy format, as in NumPy's numpy/lib/format.py: the magic string, two bytes of version, the header's length (two
// bytes in version 1, four later), the header (the text of a Python dictionary), then the elements without padding.
const (
	npyMagic = "\x93NUMPY"
	// npyAlign is what NumPy aligns the elements to, so that a file can be mapped into memory.
	npyAlign = 64
	// npyGrowthDigits is the room that NumPy leaves in the header for the first dimension to grow in place: the digits
	// of the largest number that it could be.
	npyGrowthDigits = 21
	// maxNPYHeader bounds the memory that a header may take. What NumPy writes for a plain array is 128 bytes long.
	maxNPYHeader = 64 << 10
)

// NPYHeader is what the header of a .npy file says.
type NPYHeader struct {
	// Shape is the matrix's shape. Its DType is what the elements become: float32 stays, all else becomes float64.
	Shape Shape
	// Fortran says that the elements come column by column.
	Fortran bool
	// Descr is the type of the elements in the file, as NumPy spells it: "<f8".
	Descr string

	element   npyElement
	headBytes int64 // of all that precedes the elements
}

// ContentBytes returns the bytes of the elements in the file, which may be fewer than Shape.Bytes().
func (h NPYHeader) ContentBytes() int64 { return h.Shape.Elements() * int64(h.element.size) }

// FileBytes returns the exact number of bytes that the file must have, header and elements.
func (h NPYHeader) FileBytes() int64 { return h.headBytes + h.ContentBytes() }

// maxNPYContent is the most bytes that the elements may have without FileBytes overflowing.
const maxNPYContent = math.MaxInt64 - maxNPYHeader - npyAlign

// AppendNPYHeader appends what precedes the elements in a .npy file of shape s in C order, byte for byte as np.save
// writes it since NumPy 1.24. Older versions leave no room for growth, which most often comes to the same 128 bytes.
func AppendNPYHeader(dst []byte, s Shape) []byte {
	descr := "<f8"
	if s.DType == Float32 {
		descr = "<f4"
	}
	rows := fmt.Sprint(s.Rows)
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s, %d), }", descr, rows, s.Cols)
	dict += strings.Repeat(" ", npyGrowthDigits-len(rows))

	const prefix = len(npyMagic) + 2 + 2
	// As in NumPy, a header that needs no padding gets a whole 64 bytes of it.
	padding := npyAlign - (prefix+len(dict)+1)%npyAlign
	dst = append(dst, npyMagic...)
	dst = append(dst, 1, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(dict)+padding+1)) //nolint:gosec // at most a few hundred
	dst = append(dst, dict...)
	dst = append(dst, strings.Repeat(" ", padding)...)
	return append(dst, '\n')
}

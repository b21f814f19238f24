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
	// alignment is the multiple at which NumPy places the elements, so that a file can be mapped into memory.
	alignment = 64
	// growthDigits is the room that NumPy leaves in the header for the first dimension to grow in place: the number of
	// digits of the largest dimension.
	growthDigits = 21
	// maxHeader is the most bytes of a header that are read. NumPy writes 128 bytes for a plain array.
	maxHeader = 64 << 10
)

// Header is the header of a .npy file.
type Header struct {
	// Shape is the shape of the matrix. Its DType is the type that Reader converts the elements to: float32 stays,
	// other types become float64.
	Shape matrix.Shape
	// Fortran is whether the elements come column by column.
	Fortran bool
	// Descr is the type of the elements in the file in NumPy's notation, such as "<f8".
	Descr string

	element   element
	headBytes int64 // size of the part before the elements
}

// ContentBytes returns the size of the elements in the file in bytes. It may be less than Shape.Bytes().
func (h Header) ContentBytes() int64 { return h.Shape.Elements() * int64(h.element.size) }

// FileBytes returns the exact size of the file in bytes, header and elements.
func (h Header) FileBytes() int64 { return h.headBytes + h.ContentBytes() }

// Offset returns where the first elements end in the file, in bytes.
func (h Header) Offset(elements int64) int64 { return h.headBytes + elements*int64(h.element.size) }

// maxContent is the largest size of the elements for which FileBytes does not overflow.
const maxContent = math.MaxInt64 - maxHeader - alignment

// AppendHeader appends the part of a .npy file of shape s in C order that precedes the elements. It is byte for byte
// what np.save writes since NumPy 1.24. Older versions leave no room for growth; most often the length is the same, 128
// bytes.
func AppendHeader(dst []byte, s matrix.Shape) []byte {
	descr := "<f8"
	if s.DType == matrix.Float32 {
		descr = "<f4"
	}
	rows := fmt.Sprint(s.Rows)
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s, %d), }", descr, rows, s.Cols)
	dict += strings.Repeat(" ", growthDigits-len(rows))

	const prefix = len(magic) + 2 + 2
	// As in NumPy, a header that needs no padding gets 64 bytes of it.
	padding := alignment - (prefix+len(dict)+1)%alignment
	dst = append(dst, magic...)
	dst = append(dst, 1, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(dict)+padding+1)) //nolint:gosec // at most a few hundred
	dst = append(dst, dict...)
	dst = append(dst, strings.Repeat(" ", padding)...)
	return append(dst, '\n')
}

package jsonrows

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/millrace/millrace/matrix"
)

// AppendRows appends a matrix to dst as an array of rows. content holds its elements, row-major and little-endian.
// Each number is written as ECMAScript writes it: the shortest decimal that reads back as the same element of the
// matrix's type, with an exponent only below 1e-6 and from 1e21 on. The negative zero is -0, which ECMAScript reads
// and does not write.
//
// It returns ErrNotFinite for a matrix with a NaN or an infinity.
func AppendRows(dst []byte, shape matrix.Shape, content []byte) ([]byte, error) {
	if err := CheckFinite(shape, 0, content); err != nil {
		return nil, err
	}
	dst = append(dst, '[')
	if shape.Cols == 0 {
		for i := range shape.Rows {
			dst = appendEmptyRow(dst, i)
		}
		return append(dst, ']'), nil
	}
	return append(appendElements(dst, shape, 0, content), ']'), nil
}

// The sizes of what Copy holds at a time.
const (
	copyBytes = 16 << 10 // of content, a whole number of elements; and of text that is worth a write
	copyText  = 8 * copyBytes
)

// Copy writes a matrix to dst as AppendRows does. It reads the elements from src and holds few of them at a time.
// Errors are those of dst and src, io.ErrUnexpectedEOF if src has too few elements, and ErrNotFinite.
func Copy(dst io.Writer, shape matrix.Shape, src io.Reader) error {
	text := append(make([]byte, 0, copyText), '[')
	var err error
	if shape.Cols == 0 {
		text, err = copyEmptyRows(dst, shape.Rows, text)
	} else {
		text, err = copyElements(dst, shape, src, text)
	}
	if err != nil {
		return err
	}
	_, err = dst.Write(append(text, ']'))
	return err
}

// copyEmptyRows writes rows without elements. It returns the text that is not yet written, as copyElements does.
func copyEmptyRows(dst io.Writer, rows int64, text []byte) ([]byte, error) {
	for i := range rows {
		if text = appendEmptyRow(text, i); len(text) < copyBytes {
			continue
		}
		if _, err := dst.Write(text); err != nil {
			return nil, err
		}
		text = text[:0]
	}
	return text, nil
}

// copyElements writes rows with elements. text is what comes before them.
func copyElements(dst io.Writer, shape matrix.Shape, src io.Reader, text []byte) ([]byte, error) {
	buf := make([]byte, copyBytes)
	size := int64(shape.DType.Size())
	for first := int64(0); first < shape.Elements(); {
		content := buf[:min(copyBytes, (shape.Elements()-first)*size)]
		if err := readElements(src, content); err != nil {
			return nil, err
		}
		if err := CheckFinite(shape, first, content); err != nil {
			return nil, err
		}
		text = appendElements(text, shape, first, content)
		if len(text) >= copyBytes {
			if _, err := dst.Write(text); err != nil {
				return nil, err
			}
			text = text[:0]
		}
		first += int64(len(content)) / size
	}
	return text, nil
}

// readElements fills content, of which all must be there.
func readElements(src io.Reader, content []byte) error {
	_, err := io.ReadFull(src, content)
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func appendEmptyRow(dst []byte, row int64) []byte {
	if row > 0 {
		dst = append(dst, ", "...)
	}
	return append(dst, "[]"...)
}

// appendElements appends elements, those of the matrix from the first-th on, with the brackets of their rows. All are
// finite.
func appendElements(dst []byte, shape matrix.Shape, first int64, content []byte) []byte {
	size := int64(shape.DType.Size())
	row, col := first/shape.Cols, first%shape.Cols
	for len(content) > 0 {
		n := min(shape.Cols-col, int64(len(content))/size)
		switch {
		case col > 0:
			dst = append(dst, ", "...)
		case row > 0:
			dst = append(dst, ", ["...)
		default:
			dst = append(dst, '[')
		}
		if size == 4 {
			dst = appendFloat32s(dst, content[:n*size])
		} else {
			dst = appendFloat64s(dst, content[:n*size])
		}
		content = content[n*size:]
		if col += n; col == shape.Cols {
			dst = append(dst, ']')
			col = 0
			row++
		}
	}
	return dst
}

// appendFloat64s appends the elements of a part of a row.
func appendFloat64s(dst, content []byte) []byte {
	for i := 0; i+8 <= len(content); i += 8 {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendFloat64(dst, math.Float64frombits(binary.LittleEndian.Uint64(content[i:])))
	}
	return dst
}

// appendFloat32s is appendFloat64s for the other type.
func appendFloat32s(dst, content []byte) []byte {
	for i := 0; i+4 <= len(content); i += 4 {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendFloat32(dst, math.Float32frombits(binary.LittleEndian.Uint32(content[i:])))
	}
	return dst
}

// CheckFinite returns ErrNotFinite if one of the elements in content, those of the matrix from the first-th on, is NaN
// or infinite.
func CheckFinite(shape matrix.Shape, first int64, content []byte) error {
	var at int
	if shape.DType == matrix.Float32 {
		at = notFinite32(content)
	} else {
		at = notFinite64(content)
	}
	if at < 0 {
		return nil
	}
	i := first + int64(at)
	return fmt.Errorf("element [%d][%d] is %v: %w",
		i/shape.Cols, i%shape.Cols, element(content, at, shape.DType), ErrNotFinite)
}

// notFinite64 returns the index of the first element that is not finite, or -1.
func notFinite64(content []byte) int {
	const exponent = 0x7ff << 52
	for i := 0; i+8 <= len(content); i += 8 {
		if binary.LittleEndian.Uint64(content[i:])&exponent == exponent {
			return i / 8
		}
	}
	return -1
}

// notFinite32 is notFinite64 for the other type.
func notFinite32(content []byte) int {
	const exponent = 0xff << 23
	for i := 0; i+4 <= len(content); i += 4 {
		if binary.LittleEndian.Uint32(content[i:])&exponent == exponent {
			return i / 4
		}
	}
	return -1
}

// element returns the i-th element of a content.
func element(content []byte, i int, dtype matrix.DType) float64 {
	if dtype == matrix.Float32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(content[4*i:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(content[8*i:]))
}

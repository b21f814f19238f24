package jsonrows

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/millrace/millrace/matrix"
)

// AppendRows appends a matrix to dst as an array of rows. content holds its elements, row-major and little-endian.
// Each number is the shortest decimal that reads back as the same element of the matrix's type.
//
// It returns ErrNotFinite for a matrix with a NaN or an infinity.
func AppendRows(dst []byte, shape matrix.Shape, content []byte) ([]byte, error) {
	bits := 8 * shape.DType.Size()
	dst = append(dst, '[')
	for i := range shape.Rows {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '[')
		for j := range shape.Cols {
			if j > 0 {
				dst = append(dst, ", "...)
			}
			f := element(content, i*shape.Cols+j, shape.DType)
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return nil, fmt.Errorf("element [%d][%d] is %v: %w", i, j, f, ErrNotFinite)
			}
			dst = strconv.AppendFloat(dst, f, 'g', -1, bits)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']'), nil
}

// element returns the i-th element of a content.
func element(content []byte, i int64, dtype matrix.DType) float64 {
	if dtype == matrix.Float32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(content[4*i:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(content[8*i:]))
}

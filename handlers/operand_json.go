package handlers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

const operandForms = `"matrix_id", "values" or "random"`

// operand reads one of the three forms of an operand.
func (j *jsonReader) operand(at string) (jobs.Operand, error) {
	var o jobs.Operand
	forms := 0
	err := j.object(at, func(name string) (err error) {
		if forms++; forms > 1 {
			return fmt.Errorf("%w: %s must have exactly one of %s", errInvalid, at, operandForms)
		}
		switch name {
		case "matrix_id":
			o, err = j.reference(at + ".matrix_id")
		case "values":
			o, err = j.values(at + ".values")
		case "random":
			o, err = j.random(at + ".random")
		default:
			err = unknownMember(at, name, operandForms)
		}
		return err
	})
	if err == nil && forms == 0 {
		err = fmt.Errorf("%w: %s must have one of %s", errInvalid, at, operandForms)
	}
	return o, err
}

// reference reads the id of a matrix that is stored already.
func (j *jsonReader) reference(at string) (jobs.Operand, error) {
	text, err := j.text(at)
	if err != nil {
		return jobs.Operand{}, err
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return jobs.Operand{}, fmt.Errorf("%w: %s: there is no matrix %.60q", errInvalid, at, text)
	}
	m, err := j.operands.store.ReadyMatrix(j.operands.ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: %s: there is no matrix %q", errInvalid, at, text)
	}
	return jobs.Operand{Matrix: m, Stored: true}, err
}

// maxRandomBytes bounds a matrix that takes no room: any size will do of which the bytes, those of a .npy file around it
// included, can be counted.
const maxRandomBytes = 1 << 62

// random reads the description of a generated matrix.
func (j *jsonReader) random(at string) (jobs.Operand, error) {
	shape := matrix.Shape{Rows: -1, Cols: -1, DType: matrix.Float64}
	var seed uint64
	err := j.object(at, func(name string) (err error) {
		switch name {
		case "rows":
			shape.Rows, err = j.integer(at+".rows", 0, math.MaxInt64)
		case "cols":
			shape.Cols, err = j.integer(at+".cols", 0, math.MaxInt64)
		case "seed":
			var n int64
			n, err = j.integer(at+".seed", 0, math.MaxInt64)
			seed = uint64(n) //nolint:gosec // not negative
		case "dtype":
			shape.DType, err = j.dtype(at + ".dtype")
		default:
			err = unknownMember(at, name, `"rows", "cols", "seed" and "dtype"`)
		}
		return err
	})
	if err == nil && (shape.Rows < 0 || shape.Cols < 0) {
		err = fmt.Errorf("%w: %s must have \"rows\" and \"cols\"", errInvalid, at)
	}
	if err == nil {
		err = shape.Validate(maxRandomBytes)
	}
	if err != nil {
		return jobs.Operand{}, err
	}
	return jobs.Operand{Matrix: store.NewRandom(shape, seed)}, nil
}

func (j *jsonReader) dtype(at string) (matrix.DType, error) {
	name, err := j.text(at)
	if err != nil {
		return "", err
	}
	dtype, err := matrix.ParseDType(name)
	if err != nil || name == "" { // which means float64 to others
		return "", fmt.Errorf("%w: %s must be %q or %q, it is %.40q", errInvalid, at, matrix.Float64, matrix.Float32, name)
	}
	return dtype, nil
}

// maxJSONCols is the longest row that is taken as JSON. The first row must be read to its end before it is known how
// the matrix is cut into blocks.
const maxJSONCols = 1 << 20

// values reads an array of rows of numbers.
func (j *jsonReader) values(at string) (jobs.Operand, error) {
	if err := j.begin(at, '[', "an array of rows"); err != nil {
		return jobs.Operand{}, err
	}
	var upload *store.Upload
	var row []byte // one row's elements
	var rows, cols int64
	for ; j.PeekKind() == '['; rows++ {
		var err error
		if row, err = j.row(row[:0], at, rows); err != nil {
			return jobs.Operand{}, err
		}
		if rows == 0 {
			cols = int64(len(row) / 8)
		} else if got := int64(len(row) / 8); got != cols {
			return jobs.Operand{}, fmt.Errorf("%w: ragged rows, %s[%d] has %d numbers and %s[0] has %d",
				matrix.ErrShape, at, rows, got, at, cols)
		}
		if limit := j.operands.limit; limit > 0 && cols > 0 && (rows+1) > limit/8/cols {
			return jobs.Operand{}, fmt.Errorf("%w: %s has more than the allowed %d bytes", matrix.ErrTooLarge, at, limit)
		}
		if cols == 0 {
			continue
		}
		if upload == nil {
			shape := matrix.Shape{Rows: matrix.UnknownRows, Cols: cols, DType: matrix.Float64}
			upload = j.operands.upload(shape, false, store.FromInline)
		}
		if _, err := upload.Write(row); err != nil {
			return jobs.Operand{}, err
		}
	}
	if j.PeekKind() != ']' {
		return jobs.Operand{}, j.unexpected(fmt.Sprintf("%s[%d]", at, rows), "an array of numbers")
	}
	if err := j.end(); err != nil {
		return jobs.Operand{}, err
	}
	if upload == nil { // no numbers at all
		upload = j.operands.upload(matrix.Shape{Rows: rows, DType: matrix.Float64}, false, store.FromInline)
	}
	return j.operands.finish(upload)
}

// row appends the numbers of the next array to dst, as little-endian float64.
func (j *jsonReader) row(dst []byte, at string, index int64) ([]byte, error) {
	if err := j.end(); err != nil {
		return dst, err
	}
	for j.PeekKind() == '0' {
		text, err := j.ReadValue()
		if err != nil {
			return dst, j.malformed(err)
		}
		f, err := parseFloat(text)
		if err != nil {
			return dst, fmt.Errorf("%w: %s[%d][%d] is %.40s, which float64 cannot hold", errInvalid, at, index, len(dst)/8, text)
		}
		if len(dst) >= 8*maxJSONCols {
			return dst, fmt.Errorf("%w: %s[%d] has more than %d numbers, upload such a matrix as .npy",
				matrix.ErrTooLarge, at, index, maxJSONCols)
		}
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	if j.PeekKind() != ']' {
		return dst, j.unexpected(fmt.Sprintf("%s[%d][%d]", at, index, len(dst)/8), "a number")
	}
	return dst, j.end()
}

// parseFloat returns the float64 nearest to the number in text, which is valid JSON. It fails for what is beyond the
// largest one.
func parseFloat(text []byte) (float64, error) {
	return strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64) // ParseFloat keeps no reference
}

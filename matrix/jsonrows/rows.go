package jsonrows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/millrace/millrace/matrix"
)

// MaxCols is the length of the longest row, in numbers. The first row has to be in memory as a whole: only at its end
// is it known how the matrix is cut into blocks.
const MaxCols = 1 << 20

// RowReader reads an array of rows of numbers row by row.
type RowReader struct {
	decoder  *Decoder
	at       string // where the array is in the text
	maxBytes int64

	rows, cols int64
	row        []float64

	longRow int          // see LongRows
	long    func() error // nil once it was called
}

// LongRows has the reader call f before it holds more than n numbers of a row, once: from then on it holds the memory
// of a row of MaxCols numbers. If f fails, so does Read.
func (r *RowReader) LongRows(n int, f func() error) {
	r.longRow = n
	r.long = f
}

// Rows begins to read an array of rows, which is the next value of the text. at names it in errors, such as
// "a.values". Its elements may take maxBytes as float64; 0 or less means no limit.
//
// It returns matrix.ErrUnsupported if the next value is not an array.
func (d *Decoder) Rows(at string, maxBytes int64) (*RowReader, error) {
	r := &RowReader{
		decoder:  d,
		at:       at,
		maxBytes: maxBytes,
		row:      d.row[:0],
	}
	if d.PeekKind() != '[' {
		return nil, r.unexpected(at, "an array of rows")
	}
	return r, d.Skip()
}

// Shape returns the shape of the rows read so far.
func (r *RowReader) Shape() matrix.Shape {
	return matrix.Shape{
		Rows:  r.rows,
		Cols:  r.cols,
		DType: matrix.Float64,
	}
}

// Read returns the next row, which is valid until the next call, or io.EOF after the last one. The decoder is then
// after the array. Besides the errors of a Decoder it returns
//   - matrix.ErrUnsupported for a value that is not an array of numbers, or a number that float64 cannot hold,
//   - matrix.ErrShape for rows of different lengths,
//   - matrix.ErrTooLarge for more than the allowed bytes, or more than 2²⁰ numbers in a row.
func (r *RowReader) Read() ([]float64, error) {
	next, more, err := r.nextElement(r.rows == 0)
	switch {
	case err != nil:
		return nil, err
	case !more:
		if err := r.decoder.Skip(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	case next != '[':
		return nil, r.unexpected(fmt.Sprintf("%s[%d]", r.at, r.rows), "an array of numbers")
	}
	if err := r.readRow(); err != nil {
		return nil, err
	}
	return r.row, r.checkRow()
}

// checkRow counts the row that was just read, and compares it with the first row and with the limit.
func (r *RowReader) checkRow() error {
	got := int64(len(r.row))
	if r.rows == 0 {
		r.cols = got
	}
	if got != r.cols {
		return fmt.Errorf("%w: ragged rows, %s[%d] has %d numbers and %s[0] has %d",
			matrix.ErrShape, r.at, r.rows, got, r.at, r.cols)
	}
	r.rows++
	if r.maxBytes > 0 && r.cols > 0 && r.rows > r.maxBytes/8/r.cols {
		return fmt.Errorf("%w: %s has more than the allowed %d bytes", matrix.ErrTooLarge, r.at, r.maxBytes)
	}
	return nil
}

// readRow reads the numbers of the next array.
func (r *RowReader) readRow() error {
	in := r.decoder.input
	in.scan(1) // the opening bracket
	r.row = r.row[:0]
	for {
		next, more, err := r.nextElement(len(r.row) == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if next != '-' && (next < '0' || next > '9') {
			return r.unexpected(fmt.Sprintf("%s[%d][%d]", r.at, r.rows, len(r.row)), "a number")
		}
		f, err := r.number()
		if err != nil {
			return err
		}
		if len(r.row) >= MaxCols {
			return fmt.Errorf("%w: %s[%d] has more than %d numbers, upload such a matrix as .npy",
				matrix.ErrTooLarge, r.at, r.rows, MaxCols)
		}
		if r.long != nil && len(r.row) == r.longRow {
			if err := r.grow(); err != nil {
				return err
			}
		}
		r.row = append(r.row, f)
	}
	in.scan(1) // the closing bracket
	return nil
}

// grow makes room for a long row. Only the first row can be the first one that is long.
func (r *RowReader) grow() error {
	if r.rows > 0 {
		return fmt.Errorf("%w: ragged rows, %s[%d] has more than %d numbers and %s[0] has %d",
			matrix.ErrShape, r.at, r.rows, len(r.row), r.at, r.cols)
	}
	if err := r.long(); err != nil {
		return err
	}
	r.long = nil
	r.row = slices.Grow(r.row, MaxCols-len(r.row))
	return nil
}

// number reads a number.
func (r *RowReader) number() (float64, error) {
	in := r.decoder.input
	for {
		text := in.buf[in.from:in.to]
		f, n, err := parseNumber(text)
		switch {
		case n > maxToken:
			return 0, ErrLongToken
		case err != nil:
			return 0, fmt.Errorf("%w: %s[%d][%d] is %.40s, which float64 cannot hold",
				matrix.ErrUnsupported, r.at, r.rows, len(r.row), text[:n])
		case n == 0 && bytes.HasPrefix(text, []byte("-I")):
			return 0, SyntaxError{newSyntaxError("a malformed number", in.offset()).text + noNaN}
		case n == 0:
			return 0, newSyntaxError("a malformed number", in.offset())
		case n < len(text):
			in.scan(n)
			return f, nil
		}
		// Double what is there: parsing starts again from the first digit.
		if err := in.grow(2 * len(text)); err != nil {
			return 0, r.ended(err)
		}
	}
}

// nextElement moves to the next element of the present array, after the comma unless it is the first. It returns the
// first byte of the element; more is false if the array ends instead.
func (r *RowReader) nextElement(first bool) (next byte, more bool, err error) {
	in := r.decoder.input
	next, err = in.next()
	switch {
	case err != nil:
		return 0, false, r.ended(err)
	case next == ']':
		return next, false, nil
	case first:
		return next, true, nil
	case next != ',':
		return 0, false, newSyntaxError(fmt.Sprintf("%q in place of a comma or a bracket", next), in.offset())
	}
	in.scan(1)
	switch next, err = in.next(); {
	case err != nil:
		return 0, false, r.ended(err)
	case next == ']':
		return 0, false, newSyntaxError("a bracket after a comma", in.offset())
	}
	return next, true, nil
}

// unexpected returns the error for a value that is not what it must be.
func (r *RowReader) unexpected(at, want string) error {
	got, err := r.decoder.ReadType()
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s must be %s, it is %s", matrix.ErrUnsupported, at, want, got)
}

// ended returns the error for a text that ends within the array: err, unless that is io.EOF.
func (r *RowReader) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return newSyntaxError(io.ErrUnexpectedEOF.Error(), r.decoder.input.offset())
	}
	return err
}

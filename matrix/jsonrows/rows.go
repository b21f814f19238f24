package handlers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// maxJSONCols is the longest row that is taken as JSON. The first row must be read to its end before it is known how
// the matrix is cut into blocks.
const maxJSONCols = 1 << 20

// values reads an array of rows of numbers. These are most of any body that has some, so they are not read by the decoder,
// token by token: it sees an empty array in their place.
func (j *jsonReader) values(at string) (jobs.Operand, error) {
	if err := j.begin(at, '[', "an array of rows"); err != nil {
		return jobs.Operand{}, err
	}
	m := rowWriter{operands: j.operands, at: at}
	for next, err := j.input.next(); next != ']'; next, err = j.input.next() {
		if err != nil {
			return jobs.Operand{}, j.broken(err)
		}
		if next != '[' {
			return jobs.Operand{}, j.unexpected(fmt.Sprintf("%s[%d]", at, m.rows), "an array of numbers")
		}
		if m.row, err = j.row(m.row[:0], at, m.rows); err != nil {
			return jobs.Operand{}, err
		}
		if err := m.writeRow(); err != nil {
			return jobs.Operand{}, err
		}
		if more, err := j.more(); err != nil {
			return jobs.Operand{}, err
		} else if !more {
			break
		}
	}
	if err := j.end(); err != nil {
		return jobs.Operand{}, err
	}
	return m.finish()
}

// rowWriter makes a matrix of rows.
type rowWriter struct {
	operands   *operands
	at         string // where the matrix is in the body
	upload     *store.Upload
	row        []byte // the elements of the present one
	rows, cols int64
}

// writeRow stores the present row.
func (m *rowWriter) writeRow() error {
	got := int64(len(m.row) / 8)
	if m.rows == 0 {
		m.cols = got
	}
	if got != m.cols {
		return fmt.Errorf("%w: ragged rows, %s[%d] has %d numbers and %s[0] has %d", matrix.ErrShape, m.at, m.rows, got, m.at, m.cols)
	}
	m.rows++
	if limit := m.operands.limit; limit > 0 && m.cols > 0 && m.rows > limit/8/m.cols {
		return fmt.Errorf("%w: %s has more than the allowed %d bytes", matrix.ErrTooLarge, m.at, limit)
	}
	if m.cols == 0 {
		return nil
	}
	if m.upload == nil {
		shape := matrix.Shape{Rows: matrix.UnknownRows, Cols: m.cols, DType: matrix.Float64}
		m.upload = m.operands.upload(shape, false, store.FromInline)
	}
	_, err := m.upload.Write(m.row)
	return err
}

func (m *rowWriter) finish() (jobs.Operand, error) {
	if m.upload == nil { // no numbers at all
		m.upload = m.operands.upload(matrix.Shape{Rows: m.rows, DType: matrix.Float64}, false, store.FromInline)
	}
	return m.operands.finish(m.upload)
}

// row appends the numbers of the next array to dst, as little-endian float64.
func (j *jsonReader) row(dst []byte, at string, index int64) ([]byte, error) {
	in := j.input
	in.scan(1) // the bracket
	for next, err := in.next(); next != ']'; next, err = in.next() {
		if err != nil {
			return dst, j.broken(err)
		}
		if next != '-' && (next < '0' || next > '9') {
			return dst, j.unexpected(fmt.Sprintf("%s[%d][%d]", at, index, len(dst)/8), "a number")
		}
		f, err := j.element(at, index, len(dst)/8)
		if err != nil {
			return dst, err
		}
		if len(dst) >= 8*maxJSONCols {
			return dst, fmt.Errorf("%w: %s[%d] has more than %d numbers, upload such a matrix as .npy",
				matrix.ErrTooLarge, at, index, maxJSONCols)
		}
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		if more, err := j.more(); err != nil {
			return dst, err
		} else if !more {
			break
		}
	}
	in.scan(1)
	return dst, nil
}

// element reads a number.
func (j *jsonReader) element(at string, row int64, col int) (float64, error) {
	in := j.input
	for {
		text := in.buf[in.from:in.to]
		f, n, err := parseNumber(text)
		switch {
		case n > maxToken:
			return 0, errLongToken()
		case err != nil:
			return 0, fmt.Errorf("%w: %s[%d][%d] is %.40s, which float64 cannot hold", errInvalid, at, row, col, text[:n])
		case n == 0:
			return 0, j.syntax("a malformed number")
		case n < len(text):
			in.scan(n)
			return f, nil
		}
		if err := in.grow(2 * len(text)); err != nil { // not by a byte at a time, each time from the start
			return 0, j.broken(err)
		}
	}
}

// more takes the comma behind an element of an array, and reports whether there was one rather than the closing bracket.
func (j *jsonReader) more() (bool, error) {
	next, err := j.input.next()
	switch {
	case err != nil:
		return false, j.broken(err)
	case next == ']':
		return false, nil
	case next != ',':
		return false, j.syntax(fmt.Sprintf("%q where a comma or a bracket should be", next))
	}
	j.input.scan(1)
	switch next, err = j.input.next(); {
	case err != nil:
		return false, j.broken(err)
	case next == ']':
		return false, j.syntax("a bracket behind a comma")
	}
	return true, nil
}

// syntax says what is wrong with the text at the present place.
func (j *jsonReader) syntax(what string) error {
	return fmt.Errorf("%w: malformed JSON: %s after offset %d", errBadRequest, what, j.input.offset())
}

// broken says why the text ends here.
func (j *jsonReader) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return j.syntax(io.ErrUnexpectedEOF.Error())
	}
	return err
}

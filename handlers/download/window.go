// Package download is what an operation needs that responds with the content of a matrix: windows, digests of what is
// sent, and responses that wait until their content is read.
package download

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/matrix"
)

// Window is the input of an operation that can return a part of a matrix.
type Window struct {
	Rows string `query:"rows" pattern:"^(-?\\d+)?:(-?\\d+)?$" patternDescription:"first:end as in NumPy, such as 0:100, -10: or :" doc:"Only these rows, first:end as in NumPy: 0:100 selects the first hundred, -1: the last one; what is outside of the matrix is left out" example:"0:100"`
	Cols string `query:"cols" pattern:"^(-?\\d+)?:(-?\\d+)?$" patternDescription:"first:end as in NumPy, such as 0:100, -10: or :" doc:"Only these columns, first:end as in NumPy" example:"0:100"`
}

// Whole reports whether the request asks for the whole matrix.
func (w Window) Whole() bool { return w.Rows == "" && w.Cols == "" }

// Rect returns the window in a matrix of the given shape. Errors: payload.ErrInvalid.
func (w Window) Rect(s matrix.Shape) (matrix.Rect, error) {
	row, rows, err := parseSlice("rows", w.Rows, s.Rows)
	if err != nil {
		return matrix.Rect{}, err
	}
	col, cols, err := parseSlice("cols", w.Cols, s.Cols)
	return matrix.Rect{
		Row:  row,
		Col:  col,
		Rows: rows,
		Cols: cols,
	}, err
}

// parseSlice returns the first index and the length of first:end, either of which may be left out. It means what it
// means in Python: a negative index counts from the end, what is outside of the matrix is left out, and an end before
// the first index selects nothing.
func parseSlice(name, text string, size int64) (first, length int64, err error) {
	if text == "" {
		return 0, size, nil
	}
	from, to, found := strings.Cut(text, ":")
	first, err = parseIndex(from, 0, size)
	end, err2 := parseIndex(to, size, size)
	if err != nil || err2 != nil || !found {
		return 0, 0, fmt.Errorf("%w: %s=%.40s must be first:end, whole numbers", payload.ErrInvalid, name, text)
	}
	return first, max(0, end-first), nil
}

// parseIndex returns an index as a number from 0 to size. One that is too large for an int64 is outside of each matrix.
func parseIndex(text string, absent, size int64) (int64, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64) // a number that is out of range is the nearest one
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, err
	}
	if n < 0 {
		n += size
	}
	return min(max(n, 0), size), nil
}

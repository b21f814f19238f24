// Package download is what an operation needs that responds with the content of a matrix: windows, digests of what is
// sent, and responses that wait until their content is read.
package download

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/handlers/payload"
	"github.com/millrace/millrace/matrix"
)

// Window is the input of an operation that can return a part of a matrix.
type Window struct {
	Rows string `query:"rows" pattern:"^\\d*:\\d*$" doc:"Only these rows, first:end as in Python: 0:100 selects the first hundred, 100: all others" example:"0:100"`
	Cols string `query:"cols" pattern:"^\\d*:\\d*$" doc:"Only these columns, first:end as in Python" example:"0:100"`
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

// parseSlice returns the first index and the length of first:end, either of which may be left out. An index outside of
// the matrix is an error, where Python would cut the slice off: a response must not be smaller than what was asked for.
func parseSlice(name, text string, size int64) (first, length int64, err error) {
	if text == "" {
		return 0, size, nil
	}
	from, to, found := strings.Cut(text, ":")
	first, err = parseIndex(from, 0)
	if err != nil || !found {
		return 0, 0, fmt.Errorf("%w: %s=%.40s must be first:end, whole numbers from 0 to %d",
			payload.ErrInvalid, name, text, size)
	}
	end, err := parseIndex(to, size)
	if err != nil || first > end || end > size {
		return 0, 0, fmt.Errorf("%w: %s=%.40s is no part of 0:%d", payload.ErrInvalid, name, text, size)
	}
	return first, end - first, nil
}

func parseIndex(text string, absent int64) (int64, error) {
	if text == "" {
		return absent, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

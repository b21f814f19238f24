package demo

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// write writes a .npy file of the given rows.
func write(t *testing.T, rows [][]float64) string {
	t.Helper()
	shape := matrix.Shape{
		Rows:  int64(len(rows)),
		Cols:  int64(len(rows[0])),
		DType: matrix.Float64,
	}
	var content []float64
	for _, row := range rows {
		content = append(content, row...)
	}
	file := append(npy.AppendHeader(nil, shape), matrix.AsBytes(content)...)
	path := filepath.Join(t.TempDir(), "M.npy")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVerify: the product of two matrices passes, and results that are wrong in one element or in their shape do not.
func TestVerify(t *testing.T) {
	t.Parallel()
	a := write(t, [][]float64{{1, 2}, {3, 4}})
	b := write(t, [][]float64{{5, 6}, {7, 8}})
	for name, test := range map[string]struct {
		c    [][]float64
		want error
	}{
		"right":        {[][]float64{{19, 22}, {43, 50}}, nil},
		"one element":  {[][]float64{{19, 22}, {43, 50.0001}}, errWrong},
		"not a number": {[][]float64{{19, 22}, {43, math.NaN()}}, errWrong},
		"a row short":  {[][]float64{{19, 22}}, errWrong},
		"a column off": {[][]float64{{19}, {43}}, errWrong},
	} {
		worst, err := verify(t.Context(), a, b, write(t, test.c))
		if !errors.Is(err, test.want) {
			t.Errorf("%s: verify() = %g, %v, want %v", name, worst, err, test.want)
		}
		if test.want == nil && !(worst <= 1) {
			t.Errorf("%s: verify() = %g, want at most 1", name, worst)
		}
	}
}

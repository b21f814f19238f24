package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// errWrong says that a result is not the product of its operands.
var errWrong = errors.New("the result is wrong")

// rows reads a .npy file row by row, as float64.
type rows struct {
	file  *os.File
	npy   *npy.Reader
	shape matrix.Shape
	raw   []byte    // one row as in the file
	row   []float64 // the same row, converted
}

func openRows(path string) (*rows, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	npy, err := npy.NewReader(bufio.NewReaderSize(file, 1<<20), 0)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := npy.Header().Shape
	return &rows{
		file:  file,
		npy:   npy,
		shape: s,
		raw:   make([]byte, s.Cols*int64(s.DType.Size())),
		row:   make([]float64, s.Cols),
	}, nil
}

func (r *rows) close() { _ = r.file.Close() }

// next returns the next row, which is valid until the next call.
func (r *rows) next() ([]float64, error) {
	if _, err := io.ReadFull(r.npy, r.raw); err != nil {
		return nil, err
	}
	if r.shape.DType == matrix.Float32 {
		for i, f := range matrix.AsFloats[float32](r.raw) {
			r.row[i] = float64(f)
		}
	} else {
		copy(r.row, matrix.AsFloats[float64](r.raw))
	}
	return r.row, nil
}

// times returns M·x and |M|·|x| for the matrix M in a file; absX is |x| or an upper bound of it.
func times(ctx context.Context, path string, x, absX []float64) (y, absY []float64, err error) {
	r, err := openRows(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.close()
	if r.shape.Cols != int64(len(x)) {
		return nil, nil, fmt.Errorf("%w: %s is %s", errWrong, path, r.shape)
	}
	for range r.shape.Rows {
		row, err := r.next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", path, err)
		}
		var sum, abs float64
		for j, v := range row {
			sum += v * x[j]
			abs += math.Abs(v) * absX[j]
		}
		y = append(y, sum)
		absY = append(absY, abs)
	}
	return y, absY, nil
}

// verify checks C = A·B for three files by Freivalds' algorithm: C·x = A·(B·x) for a random x (R. Freivalds,
// Probabilistic machines can use less running time, 1977). It returns the largest error as a fraction of what rounding
// allows, or errWrong.
func verify(ctx context.Context, pathA, pathB, pathC string) (float64, error) {
	c, err := openRows(pathC)
	if err != nil {
		return 0, err
	}
	n := c.shape.Cols
	dtype := c.shape.DType
	c.close()
	x := make([]float64, n)
	absX := make([]float64, n)
	for i := range x {
		x[i] = 1 - 2*rand.Float64() //nolint:gosec // not a secret
		absX[i] = math.Abs(x[i])
	}
	bx, absBX, err := times(ctx, pathB, x, absX)
	if err != nil {
		return 0, err
	}
	want, scale, err := times(ctx, pathA, bx, absBX)
	if err != nil {
		return 0, err
	}
	got, _, err := times(ctx, pathC, x, absX)
	if err != nil {
		return 0, err
	}
	return compare(got, want, scale, float64(int64(len(bx))+n), dtype)
}

// compare returns the largest error in units of the bound γ·|A|·|B|·|x| of rounding, γ = terms·ε.
func compare(got, want, scale []float64, terms float64, dtype matrix.DType) (float64, error) {
	if len(got) != len(want) {
		return 0, fmt.Errorf("%w: it has %d rows instead of %d", errWrong, len(got), len(want))
	}
	epsilon := 0x1p-53
	if dtype == matrix.Float32 {
		epsilon = 0x1p-24
	}
	worst := 0.0
	for i := range got {
		allowed := 2 * terms * epsilon * scale[i]
		e := math.Abs(got[i]-want[i]) / (allowed + math.SmallestNonzeroFloat64)
		if !(e <= 1) { // or NaN
			return e, fmt.Errorf("%w: row %d of C·x differs by %g, allowed is %g", errWrong, i, got[i]-want[i], allowed)
		}
		worst = max(worst, e)
	}
	return worst, nil
}

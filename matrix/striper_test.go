package matrix

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

// appendElement appends element v of a matrix of test values.
func appendElement(dst []byte, dtype DType, v float64) []byte {
	if dtype == Float32 {
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v)))
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// testElement is the value at (row, col) of every test matrix: all different, exact in float32 for small matrices.
func testElement(row, col int64) float64 { return float64(row*1024 + col) }

// testRect returns the bytes of a rectangle of a test matrix, row-major.
func testRect(r Rect, dtype DType) []byte {
	b := make([]byte, 0, r.Elements()*int64(dtype.Size()))
	for row := r.Row; row < r.Row+r.Rows; row++ {
		for col := r.Col; col < r.Col+r.Cols; col++ {
			b = appendElement(b, dtype, testElement(row, col))
		}
	}
	return b
}

// testContent returns the content of a test matrix in C or Fortran order.
func testContent(s Shape, fortran bool) []byte {
	if !fortran {
		return testRect(s.Rect(), s.DType)
	}
	b := make([]byte, 0, s.Bytes())
	for col := range s.Cols {
		for row := range s.Rows {
			b = appendElement(b, s.DType, testElement(row, col))
		}
	}
	return b
}

// checkStriper sends content through a Striper in chunks of next() bytes and checks each block against testRect.
func checkStriper(t *testing.T, grid Grid, shape Shape, fortran bool, next func() int) {
	t.Helper()
	final := grid
	final.Rows = shape.Rows
	seen := make(map[int64]bool)
	var s *Striper
	s = NewStriper(grid, shape.DType, fortran, func(index int64, block []byte) error {
		if seen[index] || index < 0 || index >= final.Blocks() {
			t.Errorf("block %d is emitted twice or out of range, want each of %d once", index, final.Blocks())
			return nil
		}
		seen[index] = true
		if want := testRect(final.Block(index), shape.DType); !bytes.Equal(block, want) {
			t.Errorf("block %d of %+v: %v, want %v", index, final, block, want)
		}
		s.Recycle(block)
		return nil
	})
	for content := testContent(shape, fortran); len(content) > 0; {
		n := min(next(), len(content))
		if got, err := s.Write(content[:n]); got != n || err != nil {
			t.Fatalf("Write(%d bytes) = %d, %v, want %d and no error", n, got, err, n)
		}
		content = content[n:]
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v, want no error", err)
	}
	if int64(len(seen)) != final.Blocks() {
		t.Errorf("%d blocks are emitted, want %d", len(seen), final.Blocks())
	}
	if want := final.Rows; s.Rows() != want && shape.Cols > 0 {
		t.Errorf("Rows() = %d, want %d", s.Rows(), want)
	}
}

// TestStriper writes in chunks of 1 to 40 bytes, for shapes around the edges of small blocks.
func TestStriper(t *testing.T) {
	t.Parallel()
	for _, dtype := range []DType{Float64, Float32} {
		for _, blocks := range [][2]int64{{1, 1}, {1, 4}, {3, 1}, {3, 4}, {9, 11}} {
			for _, shape := range edgeShapes(blocks[0], blocks[1], dtype) {
				grid := Grid{
					Rows:      shape.Rows,
					Cols:      shape.Cols,
					BlockRows: blocks[0],
					BlockCols: blocks[1],
				}
				unknown := grid
				unknown.Rows = UnknownRows
				for chunk := 1; chunk <= 40; chunk++ {
					next := func() int { return chunk }
					checkStriper(t, grid, shape, false, next)
					checkStriper(t, grid, shape, true, next)
					checkStriper(t, unknown, shape, false, next)
				}
			}
		}
	}
}

// edgeShapes returns shapes around one and two blocks of blockRows × blockCols.
func edgeShapes(blockRows, blockCols int64, dtype DType) []Shape {
	var shapes []Shape
	for _, rows := range []int64{0, 1, blockRows - 1, blockRows, blockRows + 1, 2 * blockRows, 2*blockRows + 1} {
		for _, cols := range []int64{0, 1, blockCols - 1, blockCols, blockCols + 1, 2*blockCols + 1} {
			shapes = append(shapes, Shape{
				Rows:  rows,
				Cols:  cols,
				DType: dtype,
			})
		}
	}
	return shapes
}

func TestStriperOnRealGrids(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	shapes := []Shape{
		{1, 1, Float64}, {700, 1025, Float64}, {513, 2100, Float32}, {256, 1024, Float64}, {1023, 300, Float64},
		{100_000, 3, Float32}, {3, 100_000, Float64}, {2, 70_000, Float64}, {600_000, 1, Float64}, {1, 600_000, Float64},
	}
	for _, shape := range shapes {
		t.Run(shape.String(), func(t *testing.T) {
			next := func() int { return 1 + rnd.IntN(200_000) }
			checkStriper(t, GridFor(shape), shape, false, next)
			checkStriper(t, ColumnGridFor(shape), shape, true, next)
			checkStriper(t, GridFor(Shape{
				Rows:  UnknownRows,
				Cols:  shape.Cols,
				DType: shape.DType,
			}), shape, false, next)
		})
	}
}

// TestStriperWrongLength: content of a wrong length is an error.
func TestStriperWrongLength(t *testing.T) {
	t.Parallel()
	shape := Shape{
		Rows:  5,
		Cols:  3,
		DType: Float64,
	}
	content := append(testContent(shape, false), make([]byte, 30)...)
	for _, fortran := range []bool{false, true} {
		for n := range len(content) {
			grid := Grid{
				Rows:      5,
				Cols:      3,
				BlockRows: 2,
				BlockCols: 2,
			}
			s := NewStriper(grid, Float64, fortran, func(int64, []byte) error { return nil })
			written, err := s.Write(content[:n])
			tooLong := int64(n) > shape.Bytes()
			if tooLong != errors.Is(err, ErrMalformed) || int64(written) > shape.Bytes() {
				t.Errorf("Write(%d bytes) = %d, %v, want ErrMalformed: %t", n, written, err, tooLong)
			}
			if err := s.Close(); errors.Is(err, ErrMalformed) != (int64(n) != shape.Bytes()) {
				t.Errorf("Close() = %v after %d of %d bytes", err, n, shape.Bytes())
			}
		}
	}
}

func TestStriperUnknownRowsEndWithinRow(t *testing.T) {
	t.Parallel()
	for n := range 200 {
		s := NewStriper(Grid{
			Rows:      UnknownRows,
			Cols:      3,
			BlockRows: 2,
			BlockCols: 2,
		}, Float64, false,
			func(int64, []byte) error { return nil })
		if _, err := s.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); errors.Is(err, ErrMalformed) != (n%24 != 0) || s.Rows() != int64(n/24) {
			t.Errorf("%d bytes: Close() = %v, Rows() = %d, want ErrMalformed: %t, %d rows", n, err, s.Rows(), n%24 != 0, n/24)
		}
	}
}

func TestStriperEmitError(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is full")
	for _, fail := range []int64{0, 3, 5} {
		last := int64(-1)
		s := NewStriper(Grid{
			Rows:      UnknownRows,
			Cols:      3,
			BlockRows: 2,
			BlockCols: 2,
		}, Float64, false,
			func(index int64, _ []byte) error {
				if last = index; index == fail {
					return failure
				}
				return nil
			})
		_, err := s.Write(make([]byte, 5*24))
		if (fail < 4) != errors.Is(err, failure) {
			t.Errorf("Write() = %v, want the error of emit: %t", err, fail < 4)
		}
		for range 2 {
			if err := s.Close(); !errors.Is(err, failure) {
				t.Errorf("Close() = %v, want %v", err, failure)
			}
		}
		if _, err := s.Write([]byte{1}); !errors.Is(err, errStriperClosed) || last != fail {
			t.Errorf("Write() after Close() = %v, last block %d, want %v and %d", err, last, errStriperClosed, fail)
		}
	}
}

func TestStriperFortranNeedsRows(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("NewStriper() returns, want a panic")
		}
	}()
	NewStriper(Grid{
		Rows:      UnknownRows,
		Cols:      3,
		BlockRows: 2,
		BlockCols: 2,
	}, Float64, true, nil)
}

// allocatedBytes returns what the process allocates while f runs. Tests that use it must not be parallel.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

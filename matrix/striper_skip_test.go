package matrix

import (
	"bytes"
	"testing"
)

// TestStriperGoesOn: a content that is cut at each place that Next tells, with another Striper behind it, becomes the
// same blocks, each of them once.
func TestStriperGoesOn(t *testing.T) {
	t.Parallel()
	for _, blocks := range [][2]int64{{1, 1}, {1, 4}, {3, 1}, {3, 4}, {9, 11}} {
		for _, shape := range edgeShapes(blocks[0], blocks[1], Float32) {
			for _, fortran := range []bool{false, true} {
				goOn(t, Grid{
					Rows:      shape.Rows,
					Cols:      shape.Cols,
					BlockRows: blocks[0],
					BlockCols: blocks[1],
				}, shape, fortran)
			}
		}
	}
}

// goOn writes a content with a Striper for each piece of it.
func goOn(t *testing.T, grid Grid, shape Shape, fortran bool) {
	t.Helper()
	seen := map[int64]int{}
	content := testContent(shape, fortran)
	for at := int64(0); ; {
		s := NewStriper(grid, shape.DType, fortran, func(index int64, block []byte) error {
			if seen[index]++; !bytes.Equal(block, testRect(grid.Block(index), shape.DType)) {
				t.Errorf("block %d of %+v, Fortran %v, differs", index, grid, fortran)
			}
			return nil
		})
		s.Skip(at)
		n := s.Next()
		if _, err := s.Write(content[at : at+n]); err != nil {
			t.Fatal(err)
		}
		if at += n; n == 0 {
			if err := s.Close(); err != nil {
				t.Errorf("%+v, Fortran %v: Close() = %v after the last piece", grid, fortran, err)
			}
			break
		}
	}
	for index := range grid.Blocks() {
		if seen[index] != 1 {
			t.Errorf("block %d of %+v, Fortran %v, is emitted %d times, want once", index, grid, fortran, seen[index])
		}
	}
}

package matrix

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// TestStriperTakesMemoryAsContentArrives: memory is allocated for the content that has arrived, not for what a shape
// promises.
func TestStriperTakesMemoryAsContentArrives(t *testing.T) {
	shapes := []Shape{{1 << 40, 16_384, Float64}, {1, 1 << 50, Float64}, {1 << 50, 1, Float64}, {1 << 20, 1 << 20, Float64}}
	for _, shape := range shapes {
		for _, fortran := range []bool{false, true} {
			grid := GridFor(shape)
			if fortran {
				grid = ColumnGridFor(shape)
			}
			row := make([]byte, 64<<10)
			allocated := allocatedBytes(func() {
				s := NewStriper(grid, shape.DType, fortran, func(int64, []byte) error { return nil })
				_, _ = s.Write(row)
			})
			if allocated > 5*uint64(len(row)) {
				t.Errorf("%s, Fortran %v: %d bytes are allocated for %d of content, want at most five times that",
					shape, fortran, allocated, len(row))
			}
		}
	}
}

// TestStriperRecycleConcurrently: blocks may be recycled from other goroutines at any time, and are not reused before
// that.
func TestStriperRecycleConcurrently(t *testing.T) {
	t.Parallel()
	shape := Shape{
		Rows:  4000,
		Cols:  64,
		DType: Float64,
	}
	grid := Grid{
		Rows:      4000,
		Cols:      64,
		BlockRows: 16,
		BlockCols: 16,
	}
	for _, fortran := range []bool{false, true} {
		var wg sync.WaitGroup
		var s *Striper
		s = NewStriper(grid, shape.DType, fortran, func(index int64, block []byte) error {
			wg.Go(func() {
				if !bytes.Equal(block, testRect(grid.Block(index), shape.DType)) {
					t.Errorf("block %d was overwritten before Recycle", index)
				}
				s.Recycle(block)
			})
			return nil
		})
		if _, err := s.Write(testContent(shape, fortran)); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		s.Recycle(make([]byte, 16*16*8))
		s.Recycle(nil)
	}
}

func BenchmarkStriper(b *testing.B) {
	shapes := []Shape{{1024, 8192, Float64}, {1024, 8192, Float32}, {1 << 22, 1, Float64}, {40, 100_000, Float64}}
	for _, shape := range shapes {
		for _, fortran := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fortran=%v", shape, fortran), func(b *testing.B) {
				grid := GridFor(shape)
				if fortran {
					grid = ColumnGridFor(shape)
				}
				content := make([]byte, shape.Bytes())
				b.SetBytes(shape.Bytes())
				for b.Loop() {
					var s *Striper
					s = NewStriper(grid, shape.DType, fortran, func(_ int64, block []byte) error {
						s.Recycle(block)
						return nil
					})
					for rest := content; len(rest) > 0; {
						n := min(len(rest), 32<<10)
						if _, err := s.Write(rest[:n]); err != nil {
							b.Fatal(err)
						}
						rest = rest[n:]
					}
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

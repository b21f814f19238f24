package matrix

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestGridFor(t *testing.T) {
	t.Parallel()
	const huge = math.MaxInt64 / 8
	tests := []struct {
		cols                 int64
		blockRows, blockCols int64
	}{
		{0, 262144, 1},
		{1, 262144, 1},
		{2, 131072, 2},
		{3, 65536, 3},
		{10, 16384, 10},
		{512, 512, 512},
		{513, 256, 513},
		{1023, 256, 1023},
		{1024, 256, 1024},
		{1025, 256, 1024},
		{10_000, 256, 1024},
		{16_384, 256, 1024},
		{16_385, 128, 1024},
		{100_000, 32, 1024},
		{131_072, 32, 1024},
		{131_073, 16, 2048},
		{1_000_000, 4, 8192},
		{4_194_304, 1, 32768},
		{10_000_000, 1, 32768},
		{huge, 1, 32768},
	}
	for _, tt := range tests {
		for _, dtype := range []DType{Float64, Float32} {
			for _, rows := range []int64{UnknownRows, 0, 7, 100_000} {
				want := Grid{
					Rows:      rows,
					Cols:      tt.cols,
					BlockRows: tt.blockRows,
					BlockCols: tt.blockCols,
				}
				if got := GridFor(Shape{
					Rows:  rows,
					Cols:  tt.cols,
					DType: dtype,
				}); got != want {
					t.Errorf("GridFor(%d×%d %s) = %+v, want %+v", rows, tt.cols, dtype, got, want)
				}
			}
			shape := Shape{
				Rows:  tt.cols,
				Cols:  7,
				DType: dtype,
			}
			want := Grid{
				Rows:      tt.cols,
				Cols:      7,
				BlockRows: tt.blockCols,
				BlockCols: tt.blockRows,
			}
			if got := ColumnGridFor(shape); got != want {
				t.Errorf("ColumnGridFor(%s) = %+v, want %+v", shape, got, want)
			}
		}
	}
}

func TestGridForLimits(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		cols := int64(math.Exp2(rnd.Float64() * 40))
		g := GridFor(Shape{
			Rows:  UnknownRows,
			Cols:  cols,
			DType: Float64,
		})
		if size := g.BlockRows * g.BlockCols; size > MaxBlockElements || size < minBlockElements {
			t.Fatalf("%d columns: blocks of %d×%d, want %d to %d elements",
				cols, g.BlockRows, g.BlockCols, minBlockElements, MaxBlockElements)
		}
		if g.BlockRows > 1 && cols >= StandardBlockCols && g.BlockRows*cols > maxStripeElements {
			t.Fatalf("%d columns: a stripe of %d rows, want at most %d elements", cols, g.BlockRows, maxStripeElements)
		}
	}
}

func TestGridBlocks(t *testing.T) {
	t.Parallel()
	g := Grid{
		Rows:      5,
		Cols:      7,
		BlockRows: 2,
		BlockCols: 3,
	}
	want := []Rect{
		{0, 0, 2, 3}, {0, 3, 2, 3}, {0, 6, 2, 1},
		{2, 0, 2, 3}, {2, 3, 2, 3}, {2, 6, 2, 1},
		{4, 0, 1, 3}, {4, 3, 1, 3}, {4, 6, 1, 1},
	}
	if g.Down() != 3 || g.Across() != 3 || g.Blocks() != 9 {
		t.Fatalf("%d down, %d across, %d blocks, want 3, 3 and 9", g.Down(), g.Across(), g.Blocks())
	}
	for i, r := range want {
		if got := g.Block(int64(i)); got != r {
			t.Errorf("Block(%d) = %v, want %v", i, got, r)
		}
		if got := g.Index(int64(i)/3, int64(i)%3); got != int64(i) {
			t.Errorf("Index(%d, %d) = %d, want %d", i/3, i%3, got, i)
		}
	}
}

func TestGridWithoutElements(t *testing.T) {
	t.Parallel()
	shapes := []Shape{
		{0, 5, Float64}, {5, 0, Float64}, {0, 0, Float32}, {math.MaxInt64, 0, Float64}, {0, math.MaxInt64, Float64},
	}
	for _, s := range shapes {
		for _, g := range []Grid{GridFor(s), ColumnGridFor(s)} {
			if g.Blocks() != 0 {
				t.Errorf("%s: Blocks() = %d, want 0", s, g.Blocks())
			}
			if got := slices.Collect(g.Overlapping(s.Rect())); len(got) != 0 {
				t.Errorf("%s: Overlapping() = %v, want none", s, got)
			}
		}
	}
}

func TestGridOverlapping(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		g := Grid{
			Rows:      rnd.Int64N(12),
			Cols:      rnd.Int64N(12),
			BlockRows: 1 + rnd.Int64N(5),
			BlockCols: 1 + rnd.Int64N(5),
		}
		r := Rect{
			Row:  rnd.Int64N(14) - 2,
			Col:  rnd.Int64N(14) - 2,
			Rows: rnd.Int64N(14),
			Cols: rnd.Int64N(14),
		}
		var want []int64
		for i := range g.Blocks() {
			if !g.Block(i).Intersect(r).Empty() {
				want = append(want, i)
			}
		}
		if got := slices.Collect(g.Overlapping(r)); !slices.Equal(got, want) {
			t.Fatalf("%+v overlapping %+v = %v, want %v", g, r, got, want)
		}
	}
	for range (Grid{
		Rows:      9,
		Cols:      9,
		BlockRows: 1,
		BlockCols: 1,
	}).Overlapping(Rect{Rows: 9, Cols: 9}) {
		break // An iteration may end early.
	}
}

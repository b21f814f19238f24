package matrix

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestNewPlan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		m, k, n              int64
		tileRows, tileCols   int64
		tiles                int64
		blockRows, blockCols int64
		tileDepth, parts     int64
		small                bool
	}{
		// Nothing to do.
		{0, 5, 5, 32768, 5, 0, 32768, 5, 0, 1, true},
		{5, 5, 0, 262144, 1, 0, 262144, 1, 0, 1, true},
		{0, 0, 0, 262144, 1, 0, 262144, 1, 0, 1, true},
		{0, math.MaxInt64, 0, 262144, 1, 0, 262144, 1, 0, 1, true},
		// One tile; the block geometry is GridFor's and the tile may reach beyond the result.
		{2, 0, 3, 65536, 3, 1, 65536, 3, 0, 1, true},
		{2, 2, 2, 131072, 2, 1, 131072, 2, 0, 1, true},
		{300, 300, 300, 512, 300, 1, 512, 300, 0, 1, true},
		{400, 400, 400, 512, 400, 1, 512, 400, 0, 1, false},
		{1000, 1, 999, 1024, 999, 1, 256, 999, 0, 1, false},
		{2000, 2000, 2000, 2048, 2048, 1, 256, 1024, 0, 1, false},
		{3000, 10, 1500, 3072, 2048, 1, 256, 1024, 0, 1, false},
		// The standard tile, evened out.
		{10_000, 10_000, 10_000, 2560, 2048, 20, 256, 1024, 0, 1, false},
		{4000, 4000, 4000, 2048, 2048, 4, 256, 1024, 0, 1, false},
		{25_000, 25_000, 25_000, 1280, 2048, 260, 256, 1024, 0, 1, false},
		{2560, 100, 4096, 2560, 2048, 2, 256, 1024, 0, 1, false},
		{100_000, 1000, 100_000, 2560, 2048, 40 * 49, 256, 1024, 0, 1, false},
		// Thin results: longer tiles of the same area.
		{1_000_000, 1000, 10, 262144, 10, 4, 16384, 10, 0, 1, false},
		{1_000_000_000, 1, 1, 5_242_880, 1, 191, 262144, 1, 0, 1, false},
		{1, 1, 1_000_000_000, 8, 5_242_880, 191, 8, 32768, 0, 1, false},
		{100, 10_000, 10_000, 256, 10_240, 1, 256, 1024, 0, 1, false},
		{1500, 10, 10_000, 1536, 3072, 4, 256, 1024, 0, 1, false},
		// Wide results: whole blocks of the result and of a row-major B.
		{100, 100, 10_000_000, 104, 32768, 306, 8, 32768, 0, 1, false},
		{100_000, 100, 10_000_000, 160, 32768, 625 * 306, 8, 32768, 0, 1, false},
		// Long inner dimensions: halved tiles, and from a quarter of a tile on parts.
		{10_000, 20_000, 10_000, 1280, 2048, 40, 256, 1024, 0, 1, false},
		{10_000, 40_000, 10_000, 1280, 1024, 80, 256, 1024, 0, 1, false},
		{100_000, 100_000, 100_000, 1280, 1024, 79 * 98, 256, 1024, 33_792, 3, false},
		{10_000, 1_000_000, 10_000, 1280, 1024, 80, 256, 1024, 40_960, 25, false},
		{1000, 1_000_000, 1000, 1024, 1000, 1, 256, 1000, 57_344, 18, false},
		{100, 100_000_000, 100, 2048, 100, 1, 2048, 100, 1_310_720, 77, false},
		{64, 1_000_000_000, 64, 4096, 64, 1, 4096, 64, 2_097_152, 477, false},
		// Tiles are smaller if there were too much to add up.
		{10_000, 1_000_000_000, 10_000, 160, 256, 2520, 160, 256, 622_592, 1607, false},
		{70, 1 << 27, 74_285, 256, 1024, 73, 256, 1024, 229_376, 586, false},
		// Few operations for each element that is read.
		{1, 10_000, 1_000_000, 32, 24_576, 41, 32, 8192, 0, 1, false},
		{64, 10_000_000, 64, 4096, 64, 1, 4096, 64, 2_031_616, 5, false},
		{1, 1 << 27, 1, 262144, 1, 1, 262144, 1, 0, 1, false},
		{1, 1 << 31, 1, 262144, 1, 1, 262144, 1, 1 << 27, 16, false},
		{1, 1 << 35, 1, 262144, 1, 1, 262144, 1, 1 << 27, 256, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d×%d×%d", tt.m, tt.k, tt.n), func(t *testing.T) {
			t.Parallel()
			p := NewPlan(tt.m, tt.k, tt.n)
			want := Plan{
				M:         tt.m,
				K:         tt.k,
				N:         tt.n,
				TileRows:  tt.tileRows,
				TileCols:  tt.tileCols,
				TileDepth: tt.tileDepth,
			}
			if p != want {
				t.Errorf("NewPlan() = %+v, want %+v", p, want)
			}
			if p.Tiles() != tt.tiles {
				t.Errorf("Tiles() = %d, want %d", p.Tiles(), tt.tiles)
			}
			if g, w := p.Grid(), (Grid{tt.m, tt.n, tt.blockRows, tt.blockCols}); g != w {
				t.Errorf("Grid() = %+v, want %+v", g, w)
			}
			if p.Parts() != tt.parts {
				t.Errorf("Parts() = %d, want %d", p.Parts(), tt.parts)
			}
			if p.Small() != tt.small {
				t.Errorf("Small() = %v, want %v", p.Small(), tt.small)
			}
		})
	}
}

func TestPlanTiles(t *testing.T) {
	t.Parallel()
	p := NewPlan(4000, 10, 4000)
	want := []Rect{{0, 0, 2048, 2048}, {0, 2048, 2048, 1952}, {2048, 0, 1952, 2048}, {2048, 2048, 1952, 1952}}
	for i, r := range want {
		if got := p.Tile(int64(i)); got != r {
			t.Errorf("Tile(%d) = %v, want %v", i, got, r)
		}
	}
	if p.FLOPs() != 3.2e8 {
		t.Errorf("FLOPs() = %g, want 3.2e8", p.FLOPs())
	}
	if got := NewPlan(1<<30, 1<<30, 1<<29).FLOPs(); got != math.Exp2(90) {
		t.Errorf("FLOPs() = %g, want 2⁹⁰", got)
	}
}

// TestPlanProperties draws shapes with sides from 1 to 2³⁰, uniform in their logarithm.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	side := func() int64 { return int64(math.Exp2(rnd.Float64() * 30)) }
	for range 20_000 {
		m, k, n := side(), side(), side()
		p := NewPlan(m, k, n)
		checkPlanLimits(t, p)
		checkPlanAlignment(t, p)
		if t.Failed() {
			t.Fatalf("%d×%d×%d: %+v, blocks %+v", m, k, n, p, p.Grid())
		}
	}
}

func checkPlanLimits(t *testing.T, p Plan) {
	t.Helper()
	rows := min(p.TileRows, p.M)
	cols := min(p.TileCols, p.N)
	if rows*cols > maxTileElements {
		t.Errorf("a tile has %d×%d elements, want at most %d", rows, cols, maxTileElements)
	}
	depth := p.K
	if p.TileDepth > 0 {
		depth = p.TileDepth
		if parts := p.Parts(); parts < 2 || parts > maxParts || parts*rows*cols > maxSumElements {
			t.Errorf("a tile of %d×%d elements has %d parts", rows, cols, parts)
		}
	}
	reads := float64((rows + cols) * depth)
	seconds := FLOPs(rows, depth, cols)/slowestFLOPS + reads/slowestReads
	if seconds > maxSeconds || reads > maxReads {
		t.Errorf("a piece takes %.1f s and reads %g elements, want at most %d s and %d", seconds, reads, maxSeconds, maxReads)
	}
	// Unless the limits make it small, a piece is worth its overhead.
	if p.Tiles() > 1 && float64(rows*cols)*4 < maxTileElements && p.TileDepth == 0 && seconds < maxSeconds/8. &&
		reads < maxReads/8 {
		t.Errorf("tiles are %d×%d, want at least a fourth of the elements or an eighth of the time of the limits", rows, cols)
	}
	if p.TileDepth > 0 && seconds < maxSeconds/8. && reads < maxReads/8 {
		t.Errorf("a piece takes %.1f s and reads %g elements, want more", seconds, reads)
	}
	g := p.Grid()
	if g.BlockRows*g.BlockCols > MaxBlockElements {
		t.Errorf("blocks are %d×%d, want at most %d elements", g.BlockRows, g.BlockCols, MaxBlockElements)
	}
}

func checkPlanAlignment(t *testing.T, p Plan) {
	t.Helper()
	g := p.Grid()
	if p.TileRows%g.BlockRows != 0 || p.TileCols%g.BlockCols != 0 {
		t.Errorf("tiles are %d×%d, want multiples of %d×%d", p.TileRows, p.TileCols, g.BlockRows, g.BlockCols)
	}
	ofB := GridFor(Shape{p.M, p.N, Float64})
	if p.TileCols >= ofB.BlockCols && p.TileCols%ofB.BlockCols != 0 {
		t.Errorf("tiles have %d columns, want a multiple of those of the blocks of B, %d", p.TileCols, ofB.BlockCols)
	}
}

// TestPlanCoversEveryElementOnce: the sides of blocks and tiles are small, so that the test can count the tiles of
// each element.
func TestPlanCoversEveryElementOnce(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		p := Plan{
			M:        1 + rnd.Int64N(40),
			N:        1 + rnd.Int64N(40),
			TileRows: 1 + rnd.Int64N(20),
			TileCols: 1 + rnd.Int64N(20),
		}
		owners := make([]int, p.M*p.N)
		for i := range p.Tiles() {
			r := p.Tile(i)
			for row := r.Row; row < r.Row+r.Rows; row++ {
				for col := r.Col; col < r.Col+r.Cols; col++ {
					owners[row*p.N+col]++
				}
			}
		}
		for i, n := range owners {
			if n != 1 {
				t.Fatalf("%+v: element %d is in %d tiles, want 1", p, i, n)
			}
		}
	}
}

func TestPlanBlocksHaveOneTile(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(9, 10))
	for range 200 {
		p := NewPlan(1+rnd.Int64N(20_000), 1+rnd.Int64N(1_000_000), 1+rnd.Int64N(20_000))
		g := p.Grid()
		area := int64(0)
		for i := range p.Tiles() {
			tile := p.Tile(i)
			for b := range g.Overlapping(tile) {
				if r := g.Block(b); r.Intersect(tile) != r {
					t.Fatalf("%+v: block %d is %+v, want it inside tile %d, %+v", p, b, r, i, tile)
				}
				area += g.Block(b).Elements()
			}
		}
		if area != p.M*p.N {
			t.Fatalf("%+v: the blocks of the tiles have %d elements, want %d", p, area, p.M*p.N)
		}
	}
}

// TestPlanOfHugeShapes: the largest shapes that Validate accepts must neither overflow nor loop.
func TestPlanOfHugeShapes(t *testing.T) {
	t.Parallel()
	const huge = math.MaxInt64 / 8
	for _, s := range [][3]int64{
		{1, 1, huge}, {huge, 1, 1}, {1, huge, 1}, {1, 0, huge}, {huge, 0, 1}, {1 << 30, 1 << 30, 1 << 29},
		{0, math.MaxInt64, 0}, {math.MaxInt64, 0, 0}, {0, 0, math.MaxInt64}, {1 << 30, 0, 1 << 30},
	} {
		p := NewPlan(s[0], s[1], s[2])
		if p.TileRows < 1 || p.TileCols < 1 || p.Tiles() < 0 || p.Grid().Blocks() < 0 {
			t.Errorf("NewPlan(%v) = %+v, want sides of at least 1 and no overflow", s, p)
		}
		if p.Tiles() == 0 {
			continue
		}
		checkPlanAlignment(t, p)
		last := p.Tile(p.Tiles() - 1)
		if last.Empty() || last.Row+last.Rows != p.M || last.Col+last.Cols != p.N {
			t.Errorf("%v: the last tile is %+v, want one that ends at (%d, %d)", s, last, p.M, p.N)
		}
	}
}

package tile

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// countedSource is a Source with a content that counts its reads.
type countedSource struct {
	matrix.Source
	name  string
	reads *atomic.Int64 // elements
	hook  func(ctx context.Context) error
}

func (s countedSource) ContentKey() any { return s.name }

func (s countedSource) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	if s.hook != nil {
		if err := s.hook(ctx); err != nil {
			return err
		}
	}
	s.reads.Add(r.Elements())
	return s.Source.ReadRect(ctx, r, dst)
}

// The matrices of these tests have panels of 80×1024 and 1024×80 elements, ten each, and tiles of 80×80.
const (
	cacheSide  = 80
	cacheK     = 10 * panelDepth
	cachePanel = cacheSide * panelDepth * 4
)

// cacheTest is a product of float32 matrices whose reads are counted.
type cacheTest struct {
	t      *testing.T
	engine *Engine
	a, b   countedSource
}

func newCacheTest(t *testing.T, rows, cols, limit int64) *cacheTest {
	t.Helper()
	shape := func(rows, cols int64) matrix.Shape {
		return matrix.Shape{
			Rows:  rows,
			Cols:  cols,
			DType: matrix.Float32,
		}
	}
	c := &cacheTest{
		t:      t,
		engine: NewEngine(blas.Builtin()),
		a:      countedSource{matrix.NewRandom(shape(rows*cacheSide, cacheK), 1), "a", new(atomic.Int64), nil},
		b:      countedSource{matrix.NewRandom(shape(cacheK, cols*cacheSide), 2), "b", new(atomic.Int64), nil},
	}
	c.engine.KeepPanels(limit)
	return c
}

// multiply computes a tile.
func (c *cacheTest) multiply(ctx context.Context, row, col int64) error {
	tile, err := c.engine.MultiplyTile(ctx, c.a, c.b, matrix.Rect{
		Row:  row * cacheSide,
		Col:  col * cacheSide,
		Rows: cacheSide,
		Cols: cacheSide,
	}, matrix.Float32)
	if err == nil {
		tile.Release()
	}
	return err
}

// read returns how often the rows of A and the columns of B that a tile reads have been read.
func (c *cacheTest) read() (a, b float64) {
	const one = cacheSide * cacheK
	return float64(c.a.reads.Load()) / one, float64(c.b.reads.Load()) / one
}

// awaitHits returns when so many panels were wanted that were there, or on their way.
func (c *cacheTest) awaitHits(n int64) {
	c.t.Helper()
	for c.engine.Cache().Hits < n {
		if c.t.Failed() {
			c.t.FailNow()
		}
		time.Sleep(time.Millisecond) // the engine tells nothing when it counts
	}
}

// TestTilesShareReads: tiles that want a panel at the same time read it once.
func TestTilesShareReads(t *testing.T) {
	t.Parallel()
	c := newCacheTest(t, 2, 2, 0)
	// The first read ends when all panels of the first step are wanted: A's by two tiles each, and B's.
	first := make(chan struct{})
	wait := func(ctx context.Context) error {
		select {
		case <-first:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.a.hook, c.b.hook = wait, wait
	var wg sync.WaitGroup
	for i := range int64(4) {
		wg.Go(func() {
			if err := c.multiply(t.Context(), i/2, i%2); err != nil {
				t.Error(err)
			}
		})
	}
	c.awaitHits(4) // two panels of A, and two of B
	close(first)
	wg.Wait()
	s := c.engine.Cache()
	if s.Hits+s.Misses != 4*2*10 || s.Hits < 4 || s.Bytes != 0 {
		t.Errorf("the cache tells %+v, want 80 panels, at least 4 of them hits, and nothing held", s)
	}
	if a, b := c.read(); a > 4-0.2 || b > 4-0.2 {
		t.Errorf("rows of A were read %v times, columns of B %v times; want less than 4: the first panels were shared", a, b)
	}
}

// TestRowIsKept: with room for the panels of a row, the tiles of that row read A once, and with less room in part. B
// does not drive A out, and what is held stays within the limit.
func TestRowIsKept(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		panels int64 // of room
		want   float64
	}{{0, 5}, {4 + 10, 1}, {4 + 5, 1 + 4*0.5}} {
		c := newCacheTest(t, 1, 5, tt.panels*cachePanel)
		for col := range int64(5) {
			if err := c.multiply(t.Context(), 0, col); err != nil {
				t.Fatal(err)
			}
			if s := c.engine.Cache(); s.Bytes > s.Limit {
				t.Errorf("%d bytes are held after tile %d, want at most %d", s.Bytes, col, s.Limit)
			}
		}
		a, b := c.read()
		if a > tt.want || b != 5 {
			t.Errorf("with room for %d panels, A was read %v times and B %v times its part in a tile, want %v and 5",
				tt.panels, a, b, tt.want)
		}
	}
}

// TestRowsInWorkAreKept: two tiles at a time, of two rows, with room for both rows and a column: each row is read once,
// and each column once for both rows. The next two rows take the place of the first.
func TestRowsInWorkAreKept(t *testing.T) {
	t.Parallel()
	c := newCacheTest(t, 4, 4, (2*10+2*10)*cachePanel)
	for pair := range int64(2) {
		for col := range int64(4) {
			var wg sync.WaitGroup
			for row := 2 * pair; row < 2*pair+2; row++ {
				wg.Go(func() {
					if err := c.multiply(t.Context(), row, col); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
	}
	// While the next rows come, the first ones may take some of the room for a column.
	if a, b := c.read(); a != 4 || b < 2*4 || b > 2*4+1 {
		t.Errorf("A was read %v times its part in a tile, B %v times, want 4 and 8 or a little more", a, b)
	}
}

// TestLateTileFindsColumn: a tile that is far behind another one of its column finds the panels of B, with room for the
// rows in work and the column, and none are kept when no tile will come to them.
func TestLateTileFindsColumn(t *testing.T) {
	t.Parallel()
	c := newCacheTest(t, 2, 1, (10+10+4)*cachePanel)
	first, second := c.a, c.a
	reads := 0
	ended, begun := make(chan struct{}), make(chan struct{})
	second.hook = func(context.Context) error {
		if reads++; reads == 3 { // the first step is computed, and the second one may be
			close(begun)
			<-ended
		}
		return nil
	}
	done := make(chan error, 1)
	go func() {
		late := *c
		late.a = second
		done <- late.multiply(t.Context(), 1, 0)
	}()
	<-begun
	c.a = first
	if err := c.multiply(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	close(ended)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if a, b := c.read(); a != 2 || b != 1 {
		t.Errorf("A was read %v times its part in a tile, B %v times, want 2 and 1", a, b)
	}
	if n := len(c.engine.cache.wanted); n != 0 {
		t.Errorf("%d panels are still wanted when no tile is in work", n)
	}
}

// TestKeptPanelsAreGivenUp: nothing is held when no tile has been in work for a while, and then all works as before.
func TestKeptPanelsAreGivenUp(t *testing.T) {
	t.Parallel()
	c := newCacheTest(t, 1, 2, 100*cachePanel)
	for range 2 {
		if err := c.multiply(t.Context(), 0, 0); err != nil {
			t.Fatal(err)
		}
		if s := c.engine.Cache(); s.Bytes != 20*cachePanel {
			t.Errorf("%d bytes are held, want all 20 panels", s.Bytes)
		}
		checkUnused(t, c.engine)
		if c.engine.cache.idle == nil {
			t.Error("nothing is to give the panels up")
		}
		c.engine.cache.empty()
		if s := c.engine.Cache(); s.Bytes != 0 {
			t.Errorf("%d bytes are held when it is empty", s.Bytes)
		}
	}
	if a, b := c.read(); a != 2 || b != 2 {
		t.Errorf("A was read %v times and B %v times, want 2", a, b)
	}
}

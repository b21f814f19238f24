package tile

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// TestLeastUsefulGoesFirst: first go the panels of rows of tiles that are done, then those of B, then those of rows
// without a tile, each the least recently used first; then those of rows with a tile, and what a tile will come to, the
// most recently used first. What is in use stays.
func TestLeastUsefulGoesFirst(t *testing.T) {
	t.Parallel()
	const now = 100
	panel := func(content string, row, col, last int64) *cachedPanel {
		return &cachedPanel{
			key:   panelKey{content: content, rect: matrix.Rect{Row: row, Col: col}},
			again: content == "a",
			last:  last,
		}
	}
	next := panelGroup{"a", 4}
	want := []*cachedPanel{
		panel("a", 1, 0, 10), panel("a", 1, 1, 12), // of a row that is done
		panel("b", 0, 0, 50), panel("b", 1, 0, 60),
		panel("a", 2, 0, 34), panel("a", 2, 1, now-restUses), // of a row without a tile
		panel("a", 3, 2, 45), panel("a", 3, 1, 40), // of one with a tile
		panel("a", 4, 1, 21), panel("a", 4, 0, 20), // of the next one
		panel("b", 2, 0, 6), panel("b", 3, 0, 5), // to which tiles will come
	}
	used := panel("a", 3, 0, 30)
	used.uses = 1
	for range 20 { // each time in another order
		c := panelCache{
			clock:   now,
			entries: map[panelKey]*cachedPanel{used.key: used},
			wanted:  map[panelKey]int{want[10].key: 1, want[11].key: 2},
		}
		for _, p := range want {
			c.entries[p.key] = p
		}
		for i, p := range want {
			got := c.leastUseful(next)
			if got != p {
				t.Fatalf("panel %d to go is %+v, want %+v", i, got, p)
			}
			c.forget(got)
		}
		if got := c.leastUseful(next); got != nil || len(c.entries) != 1 {
			t.Fatalf("in the end %+v is to go, want none: it is in use", got)
		}
	}
}

// TestAhead: while a step is multiplied, a tile will come to the panels of B from the step after the next on. When it
// ends, whatever the reason, it comes to none.
func TestAhead(t *testing.T) {
	t.Parallel()
	for _, stopped := range []int{0, 4} {
		ctx, cancel := context.WithCancel(t.Context())
		c := newCacheTest(t, 1, 1, 0)
		var ahead []int
		c.engine = NewEngine(hookedKernel{Kernel: blas.Builtin(), hook: func(int, int, []float64, int) {
			c.engine.cache.mu.Lock()
			defer c.engine.cache.mu.Unlock()
			if ahead = append(ahead, len(c.engine.cache.wanted)); len(ahead) == stopped {
				cancel()
			}
		}})
		whole := matrix.Rect{Rows: cacheSide, Cols: cacheSide}
		_, err := c.engine.MultiplyTile(ctx, c.a, c.b, whole, matrix.Float64)
		cancel()
		want := []int{8, 7, 6, 5, 4, 3, 2, 1, 0, 0}
		if stopped > 0 {
			want = want[:stopped]
		}
		if !slices.Equal(ahead, want) || len(c.engine.cache.wanted) != 0 || (err != nil) != (stopped > 0) {
			t.Errorf("stopped in step %d: %v: %v panels are ahead, %d in the end, want %v and 0", stopped, err, ahead,
				len(c.engine.cache.wanted), want)
		}
		checkUnused(t, c.engine)
	}
}

// TestAheadIsBounded: what a tile will come to is noted unless its steps are too many, or its panels too small to be
// shared.
func TestAheadIsBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ steps, cols, want int64 }{
		{3, 64, 3}, {maxAhead, 64, maxAhead}, {maxAhead + 1, 64, 0}, {3, 63, 0},
	} {
		a := matrix.Shape{
			Rows:  matrix.StandardTileRows,
			Cols:  tt.steps * panelDepth,
			DType: matrix.Float32,
		}
		b := matrix.Shape{
			Rows:  a.Cols,
			Cols:  tt.cols,
			DType: matrix.Float32,
		}
		r := run[float32]{
			b:    countedSource{Source: matrix.NewRandom(b, 1), name: "b"},
			tile: &Tile{DType: matrix.Float32},
			plan: newPanelPlan(a, b, matrix.Rect{Rows: a.Rows, Cols: b.Cols}, 0, a.Cols),
		}
		ahead := r.ahead()
		if int64(len(ahead)) != tt.want {
			t.Errorf("%+v: %d panels are ahead", tt, len(ahead))
		}
		for i, key := range ahead {
			if key.content != "b" || key.rect != r.plan.step(int64(i)).b {
				t.Errorf("%+v: panel %d ahead is %+v", tt, i, key)
			}
		}
	}
}

// TestKeptForAWhile: panels are kept for a while from the last tile on, not from an earlier one, and not given up below
// a tile in work.
func TestKeptForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCacheTest(t, 1, 2, 100*cachePanel)
		multiply := func(col int64) {
			if err := c.multiply(t.Context(), 0, col); err != nil {
				t.Fatal(err)
			}
		}
		wantAfter := func(pause time.Duration, want int64) {
			t.Helper()
			time.Sleep(pause) // by the clock of the bubble
			synctest.Wait()
			if s := c.engine.Cache(); s.Bytes != want*cachePanel {
				t.Errorf("%d bytes are held after another %v, want %d panels", s.Bytes, pause, want)
			}
		}
		multiply(0)
		wantAfter(idleTime*2/3, 20)
		c.b.hook = func(context.Context) error {
			time.Sleep(idleTime) // by the same clock: those of the first tile would be given up meanwhile
			return nil
		}
		multiply(1)
		wantAfter(idleTime*2/3, 30)
		multiply(1)
		wantAfter(idleTime*2/3, 30)
		wantAfter(idleTime/2, 0)
	})
}

package tile

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// TestSharedPanelsStayRight: tiles of many products, cancelled or not, all have the right elements although panels come
// and go.
func TestSharedPanelsStayRight(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	engine := NewEngine(blas.Builtin())
	engine.KeepPanels(2 << 20)
	a, b := randomMatrix[float64](rnd, 66, 1100), randomMatrix[float64](rnd, 1100, 65)
	a.Source = countedSource{a.Source, "a", new(atomic.Int64), nil}
	b.Source = countedSource{b.Source, "b", new(atomic.Int64), nil}
	whole := matrix.Rect{Rows: 66, Cols: 65}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { checkTile[float64](t, engine, a, b, whole) })
	}
	for range 8 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(rand.N(3*time.Millisecond), cancel)
		if tile, err := engine.MultiplyTile(ctx, a, b, whole, matrix.Float64); err == nil {
			tile.Release()
		}
	}
	wg.Wait()
}

// TestLimitOfPanels: no more is held than is allowed, also while tiles are in work.
func TestLimitOfPanels(t *testing.T) {
	t.Parallel()
	const limit = 12 * cachePanel
	c := newCacheTest(t, 2, 2, limit)
	var most atomic.Int64
	c.a.hook = func(context.Context) error {
		most.Store(max(most.Load(), c.engine.Cache().Bytes))
		return nil
	}
	for row := range int64(2) {
		for col := range int64(2) {
			if err := c.multiply(t.Context(), row, col); err != nil {
				t.Fatal(err)
			}
		}
	}
	if most.Load() > limit || most.Load() <= limit/2 {
		t.Errorf("up to %d bytes are held, want most of %d", most.Load(), limit)
	}
}

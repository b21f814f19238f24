package tile

import (
	"context"
	"errors"
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

// start begins to compute a tile, and returns what the error will come from.
func (c *cacheTest) start(ctx context.Context, row, col int64) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- c.multiply(ctx, row, col) }()
	return ended
}

// TestReadForAnother: a tile that is cancelled does not end the reading of a panel that another one waits for, and what
// it could not read is tried again.
func TestReadForAnother(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		testReadForAnother(t, fails, 0, 1, func(c *cacheTest) *countedSource { return &c.a })
		testReadForAnother(t, fails, 1, 0, func(c *cacheTest) *countedSource { return &c.b })
	}
}

// testReadForAnother has the tile at (row, col) share an operand with the one at (0, 0).
func testReadForAnother(t *testing.T, fails bool, row, col int64, shared func(*cacheTest) *countedSource) {
	t.Helper()
	c := newCacheTest(t, 2, 2, 0)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	shared(c).hook = func(ctx context.Context) error {
		first := false
		once.Do(func() { first = true; close(begun) })
		if !first {
			return ctx.Err()
		}
		<-goOn
		if fails {
			return errEnough
		}
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := c.start(ctx, 0, 0)
	<-begun
	other := c.start(t.Context(), row, col)
	c.awaitHits(1)
	if !fails {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the cancelled tile ends with %v, want %v", err, context.Canceled)
		}
	}
	close(goOn)
	if fails {
		if err := <-ended; !errors.Is(err, errEnough) {
			t.Errorf("the tile that could not read ends with %v, want %v", err, errEnough)
		}
	}
	if err := <-other; err != nil {
		t.Errorf("fails %t: the other tile ends with %v, want no error", fails, err)
	}
	checkUnused(t, c.engine)
}

// TestCancelledReadIsNotShared: what a cancelled tile is still reading is of no use to others. One that wants the same
// panel reads it for itself.
func TestCancelledReadIsNotShared(t *testing.T) {
	t.Parallel()
	c := newCacheTest(t, 1, 2, 100*cachePanel)
	begun, cancelled, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var reads atomic.Int64
	c.a.hook = func(ctx context.Context) error {
		if reads.Add(1) > 1 {
			return ctx.Err()
		}
		close(begun)
		<-ctx.Done()
		close(cancelled)
		<-goOn
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := c.start(ctx, 0, 0)
	<-begun
	cancel()
	<-cancelled
	other := c.start(t.Context(), 0, 1)
	for s := c.engine.Cache(); s.Hits+s.Misses < 4; s = c.engine.Cache() {
		time.Sleep(time.Millisecond) // the engine tells nothing when it counts
	}
	if s := c.engine.Cache(); s.Hits != 0 {
		t.Errorf("%d panels of the cancelled tile are shared, want none", s.Hits)
	}
	close(goOn)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled tile ends with %v, want %v", err, context.Canceled)
	}
	if err := <-other; err != nil {
		t.Errorf("the other tile ends with %v, want no error", err)
	}
	checkUnused(t, c.engine)
}

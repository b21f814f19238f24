package tile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// Engine computes tiles. It is safe for concurrent use; to use more than one core, compute several tiles at a time. A
// tile in work takes the memory of its elements and of two panels of each operand, at most 120 MiB for a tile of a
// matrix.Plan. Tiles that are in work at the same time share panels.
type Engine struct {
	kernel  blas.Kernel
	buffers bufferPool
	cache   panelCache
	checks  sync.Pool // of *check of any element type
}

// NewEngine returns an Engine that multiplies with kernel. It keeps no panels for later; see KeepPanels.
func NewEngine(kernel blas.Kernel) *Engine {
	e := &Engine{kernel: kernel}
	e.cache.buffers = &e.buffers
	e.cache.entries = make(map[panelKey]*cachedPanel)
	e.cache.wanted = make(map[panelKey]int)
	return e
}

// KeepPanels makes the Engine keep panels of operands for the next tiles that want them, as many as there is room for
// in so many bytes besides those that tiles in work need. They are given up some seconds after the last tile. Sources
// must have a matrix.Content.
func (e *Engine) KeepPanels(bytes int64) {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	e.cache.limit = bytes
}

// Cache returns the figures of the panels.
func (e *Engine) Cache() CacheStats { return e.cache.counted() }

// Kernel returns the Kernel that the Engine multiplies with.
func (e *Engine) Kernel() blas.Kernel { return e.kernel }

// Tile is a computed and checked tile.
type Tile struct {
	Rect  matrix.Rect  // its place in the result
	DType matrix.DType // of its elements
	Stats Stats

	from, depth int64 // which columns of A and rows of B
	data        []byte
	buffers     *bufferPool
	taker       Taker // nil: the tile is returned as a whole
	unit        int64 // see MultiplyTo
}

// Stats is the cost of a tile.
type Stats struct {
	FLOPs    float64       // floating-point operations by definition, 2·rows·k·cols, with k what is summed over
	Total    time.Duration // of the call of MultiplyTile
	Reading  time.Duration // sum over the steps of reading both panels, most of it during computation
	Waiting  time.Duration // for panels that were not read yet
	Kernel   time.Duration // in the kernel
	Checking time.Duration // for the check of the result
}

// Bytes returns the elements, row-major and without padding. They are valid until Release, and the caller may change
// them.
func (t *Tile) Bytes() []byte { return t.data }

// Release returns the memory of the elements to the Engine, when the Taker has let go of them. Calling it is optional,
// and calling it twice does no harm.
func (t *Tile) Release() {
	if t.data != nil {
		if t.taker != nil {
			t.taker.Wait()
		}
		t.buffers.put(t.data)
		t.data = nil
	}
}

// MultiplyTile computes the elements of A·B that tile covers, as elements of dtype. An operand may be of float32 if
// dtype is float64.
//
// The tile is a sum over panels of the operands; while the panels of one step are multiplied, those of the next are
// read. Before MultiplyTile returns the tile, it checks it against the operands. The error wraps
//
//   - ErrCheck if the computed tile is wrong,
//   - matrix.ErrShape if the shapes do not fit together, or the tile does not lie in the result,
//   - matrix.ErrUnsupported if the element types do not fit together,
//   - the error of a or b if reading fails,
//   - the cause of the end of ctx. MultiplyTile then returns within a fraction of a second, or when the sources do.
//
// MultiplyTile leaves no goroutines behind.
func (e *Engine) MultiplyTile(
	ctx context.Context, a, b matrix.Source, tile matrix.Rect, dtype matrix.DType,
) (*Tile, error) {
	return e.MultiplyPart(ctx, a, b, tile, 0, a.Shape().Cols, dtype)
}

// MultiplyPart is MultiplyTile for a part of the sum: over depth columns of A and rows of B, beginning with the given
// one. The check is one of the part.
func (e *Engine) MultiplyPart(
	ctx context.Context, a, b matrix.Source, tile matrix.Rect, from, depth int64, dtype matrix.DType,
) (*Tile, error) {
	return e.multiply(ctx, a, b, &Tile{
		Rect:  tile,
		DType: dtype,
		from:  from,
		depth: depth,
	})
}

// multiply computes a tile whose place is set.
func (e *Engine) multiply(ctx context.Context, a, b matrix.Source, t *Tile) (*Tile, error) {
	if err := checkOperands(a.Shape(), b.Shape(), t.Rect, t.DType); err != nil {
		return nil, err
	}
	if t.from < 0 || t.depth < 0 || t.depth > a.Shape().Cols-t.from {
		return nil, fmt.Errorf("%w: no %d columns from %d on in %s", matrix.ErrShape, t.depth, t.from, a.Shape())
	}
	t.buffers = &e.buffers
	t.Stats.FLOPs = matrix.FLOPs(t.Rect.Rows, t.depth, t.Rect.Cols)
	t.data = e.buffers.take(int(t.Rect.Elements()) * t.DType.Size())
	start := time.Now()
	var err error
	if t.DType == matrix.Float32 {
		err = multiplyTile[float32](ctx, e, a, b, t)
	} else {
		err = multiplyTile[float64](ctx, e, a, b, t)
	}
	t.Stats.Total = time.Since(start)
	if err != nil {
		t.Release()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("multiply the tile of %d×%d at (%d, %d): %w",
			t.Rect.Rows, t.Rect.Cols, t.Rect.Row, t.Rect.Col, err)
	}
	return t, nil
}

// checkOperands returns an error unless the operands can be multiplied and the tile lies in the result.
func checkOperands(a, b matrix.Shape, tile matrix.Rect, dtype matrix.DType) error {
	if a.Cols != b.Rows {
		return fmt.Errorf("%w: %s times %s, the columns of a must be as many as the rows of b", matrix.ErrShape, a, b)
	}
	whole := matrix.Rect{Rows: a.Rows, Cols: b.Cols}
	if tile.Rows < 0 || tile.Cols < 0 || !tile.Empty() && tile.Intersect(whole) != tile {
		return fmt.Errorf("%w: no tile %+v in a result of %d×%d", matrix.ErrShape, tile, a.Rows, b.Cols)
	}
	for _, operand := range []matrix.DType{a.DType, b.DType} {
		if matrix.Promote(operand, dtype) != dtype {
			return fmt.Errorf("%w: a %s operand for a %s result", matrix.ErrUnsupported, operand, dtype)
		}
	}
	return nil
}

package tile

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// Engine computes tiles of products. It is safe for concurrent use: whoever wants more than one core has it compute
// several tiles at a time. Each holds its result and two panels of each operand, 120 MiB at most for a tile of a Plan.
type Engine struct {
	kernel  blas.Kernel
	buffers bufferPool
}

// NewEngine returns an Engine that multiplies with kernel.
func NewEngine(kernel blas.Kernel) *Engine { return &Engine{kernel: kernel} }

// Kernel returns what the Engine multiplies with.
func (e *Engine) Kernel() blas.Kernel { return e.kernel }

// Tile is a computed and checked tile.
type Tile struct {
	Rect  matrix.Rect  // where it is in the result
	DType matrix.DType // of its elements
	Stats Stats

	data    []byte
	buffers *bufferPool
}

// Stats says what a tile has cost.
type Stats struct {
	FLOPs    float64       // floating-point operations by definition, 2·rows·k·cols
	Total    time.Duration // from the call to the result
	Reading  time.Duration // until both panels of a step were there, summed up; most of it while computing
	Waiting  time.Duration // for panels that were not there yet
	Kernel   time.Duration // in the kernel
	Checking time.Duration // for the product check
}

// Bytes returns the elements, row-major and without padding, until Release. They may be changed.
func (t *Tile) Bytes() []byte { return t.data }

// Release gives the memory of the elements back to the Engine. It may be called again, and need not be called at all.
func (t *Tile) Release() {
	if t.data != nil {
		t.buffers.put(t.data)
		t.data = nil
	}
}

// MultiplyTile computes the elements of a·b that tile covers, as elements of dtype. An operand may be of float32 where
// the product is of float64.
//
// The result is a sum over panels of the operands; while one is multiplied the next is read. Before it is returned it is
// checked against the operands, and ErrCheck says that it is wrong. Shapes that do not fit are ErrShape, element types
// that do not, ErrUnsupported. Any other error is one of a or b, or the cause of ctx's end, upon which MultiplyTile
// returns within a fraction of a second, as soon as the sources do. Nothing of it goes on when it has returned.
func (e *Engine) MultiplyTile(ctx context.Context, a, b matrix.Source, tile matrix.Rect, dtype matrix.DType) (*Tile, error) {
	if err := checkOperands(a.Shape(), b.Shape(), tile, dtype); err != nil {
		return nil, err
	}
	t := &Tile{Rect: tile, DType: dtype, buffers: &e.buffers}
	t.Stats.FLOPs = matrix.FLOPs(tile.Rows, a.Shape().Cols, tile.Cols)
	t.data = e.buffers.take(int(tile.Elements()) * dtype.Size())
	start := time.Now()
	var err error
	if dtype == matrix.Float32 {
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
		return nil, fmt.Errorf("multiply the tile of %d×%d at (%d, %d): %w", tile.Rows, tile.Cols, tile.Row, tile.Col, err)
	}
	return t, nil
}

// checkOperands checks that there is such a tile of such a product.
func checkOperands(a, b matrix.Shape, tile matrix.Rect, dtype matrix.DType) error {
	if a.Cols != b.Rows {
		return fmt.Errorf("%w: %s times %s, the columns of a must be as many as the rows of b", matrix.ErrShape, a, b)
	}
	whole := matrix.Rect{Rows: a.Rows, Cols: b.Cols}
	if tile.Rows < 0 || tile.Cols < 0 || !tile.Empty() && tile.Intersect(whole) != tile {
		return fmt.Errorf("%w: no tile %+v in a product of %d×%d", matrix.ErrShape, tile, a.Rows, b.Cols)
	}
	for _, operand := range []matrix.DType{a.DType, b.DType} {
		if matrix.Promote(operand, dtype) != dtype {
			return fmt.Errorf("%w: a %s operand of a %s product", matrix.ErrUnsupported, operand, dtype)
		}
	}
	return nil
}

package cut

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks"
)

// Rect is a rectangle of a matrix whose borders are borders of blocks.
type Rect struct {
	matrix.Rect
	Store blocks.Store
	Owner uuid.UUID // of the blocks
	Grid  matrix.Grid
	DType matrix.DType
}

// Write stores the content of a rectangle, which is row-major; it survives a crash then.
func (r Rect) Write(ctx context.Context, content []byte) error {
	if err := r.put(ctx, content); err != nil {
		return err
	}
	return r.Store.Sync(ctx, r.Owner, slices.Collect(r.Grid.Overlapping(r.Rect)))
}

// put stores the content, which a crash may take back until it is synced. Several blocks are on their way at a time,
// since each waits for the store.
func (r Rect) put(ctx context.Context, content []byte) error {
	size := int64(r.DType.Size())
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(Writers)
	for index := range r.Grid.Overlapping(r.Rect) {
		group.Go(func() error {
			block := r.Grid.Block(index)
			buf := TakeScratch(block.Elements() * size)
			defer Recycle(buf)
			matrix.CopyRect(*buf, block, content, r.Rect, block, size)
			return r.Store.Put(ctx, r.Owner, index, *buf)
		})
	}
	return group.Wait()
}

// scratch holds buffers of the size of a block.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// TakeScratch returns a buffer of n bytes, about as many as a block has, for the caller to Recycle.
func TakeScratch(n int64) *[]byte {
	buf := scratch.Get().(*[]byte)
	if int64(cap(*buf)) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:n]
	return buf
}

// Recycle takes a buffer back.
func Recycle(buf *[]byte) { scratch.Put(buf) }

package npy

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/internal/round"
)

// window is a contiguous part of a matrix's content.
type window struct {
	rect  matrix.Rect
	start int64 // offset in the content in bytes
	data  []byte
	err   error // of reading it

	// cancel and done are set if a goroutine reads the window.
	cancel context.CancelFunc
	done   chan struct{}
}

// fill reads the window from src. It sets w.err if that fails.
func (w *window) fill(ctx context.Context, src matrix.Source) {
	if err := src.ReadRect(ctx, w.rect, w.data); err != nil {
		w.err = fmt.Errorf("read %d rows from row %d: %w", w.rect.Rows, w.rect.Row, err)
	}
}

// end returns the offset in the content of the first byte after the window.
func (w *window) end() int64 { return w.start + int64(len(w.data)) }

// holds reports whether the window has the content at offset. A nil window has none.
func (w *window) holds(offset int64) bool {
	return w != nil && w.start <= offset && offset < w.end()
}

// newWindow returns an empty window that begins with the row of the content at offset, or with its element if a row is
// longer than a window, and ends at the next border of the grid of windows.
func (f *File) newWindow(offset int64) *window {
	size := int64(f.shape.DType.Size())
	row, col := offset/size/f.shape.Cols, offset/size%f.shape.Cols
	i := f.windows.Index(row/f.windows.BlockRows, col/f.windows.BlockCols)
	rect := f.windows.Block(i)
	rect.Rows -= row - rect.Row
	rect.Row = row
	if f.windows.Across() > 1 {
		rect.Cols -= col - rect.Col
		rect.Col = col
	}
	length := rect.Elements() * size
	data := f.spare
	f.spare = nil
	if int64(cap(data)) < length {
		data = make([]byte, length)
	}
	return &window{
		rect:  rect,
		start: (rect.Row*f.shape.Cols + rect.Col) * size,
		data:  data[:length],
	}
}

// windowGrid cuts a matrix into windows of at most maxBytes, each contiguous in the file.
func windowGrid(s matrix.Shape, align, maxBytes int64) matrix.Grid {
	g := matrix.Grid{
		Rows:      s.Rows,
		Cols:      s.Cols,
		BlockRows: 1,
		BlockCols: max(1, maxBytes/int64(s.DType.Size())),
	}
	if elements := g.BlockCols; s.Cols <= elements {
		g.BlockCols = max(1, s.Cols)
		g.BlockRows = windowRows(elements/g.BlockCols, align)
	}
	return g
}

// windowRows returns the number of rows of a window that has room for fit ≥ 1 rows: a multiple of align if one fits,
// else a fraction of align that uses at least half of the room, else fit.
func windowRows(fit, align int64) int64 {
	if align <= 1 {
		return fit
	}
	if fit >= align {
		return round.Down(fit, align)
	}
	for parts := round.CeilDiv(align, fit); 2*(align/parts) >= fit; parts++ {
		if align%parts == 0 {
			return align / parts
		}
	}
	return fit
}

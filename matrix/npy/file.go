package npy

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/internal/round"
)

// maxWindowBytes is the most content that a File reads at once. It holds at most two windows.
const maxWindowBytes = 16 << 20

// File presents a Source as a .npy file in C order: an io.ReadSeekCloser of a known size, as http.ServeContent
// wants it. It reads the source in windows of whole rows (of parts of a row where a row is longer than 16 MiB). While
// one window is consumed from front to back, a goroutine reads the next.
//
// Seek costs nothing. After it, Read starts at the row it needs, and reads ahead only once a quarter of that window is
// consumed, so that a short range costs one window at most. A File belongs to one goroutine.
type File struct {
	ctx     context.Context // of the request that the reader serves; io.Reader leaves no other place for it
	cancel  context.CancelFunc
	src     matrix.Source
	shape   matrix.Shape
	windows matrix.Grid
	header  []byte
	pos     int64

	current    *window // nil, or complete
	ahead      *window // nil, or what a goroutine reads
	spare      []byte  // buffer of a window that is done with
	sequential bool    // current was reached by reading on, not by Seek
	closed     bool
}

// errFileClosed is the programming error of using a closed File.
var errFileClosed = errors.New("npy: use of a closed File")

// NewFile returns a reader at the start of the file. Windows begin at multiples of align rows where that many rows
// fit, else at even fractions of it where there are such: with the rows of the source's blocks as align, no block is
// read for more windows than it must. Once ctx ends, reads fail. The caller must call Close.
func NewFile(ctx context.Context, src matrix.Source, align int64) *File {
	return newFile(ctx, src, align, maxWindowBytes)
}

func newFile(ctx context.Context, src matrix.Source, align, windowBytes int64) *File {
	s := src.Shape()
	r := &File{src: src, shape: s, header: AppendHeader(nil, s), windows: windowGrid(s, align, windowBytes)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// windowGrid cuts a matrix into windows of at most maxBytes, each contiguous in the file.
func windowGrid(s matrix.Shape, align, maxBytes int64) matrix.Grid {
	elements := max(1, maxBytes/int64(s.DType.Size()))
	if s.Cols > elements {
		return matrix.Grid{Rows: s.Rows, Cols: s.Cols, BlockRows: 1, BlockCols: elements}
	}
	cols := max(1, s.Cols)
	return matrix.Grid{Rows: s.Rows, Cols: s.Cols, BlockRows: windowRows(elements/cols, align), BlockCols: cols}
}

// windowRows returns the rows of a window, of which fit ≥ 1 have room: a multiple of align, else a fraction of it that
// makes use of at least half of the room, else fit.
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

// Size returns the bytes of the whole file.
func (r *File) Size() int64 { return int64(len(r.header)) + r.shape.Bytes() }

// Read reads on from the present position. Errors are those of the source and of the context; after one, a further Read
// tries again.
func (r *File) Read(p []byte) (int, error) {
	switch {
	case r.closed:
		return 0, errFileClosed
	case len(p) == 0:
		return 0, nil
	case r.ctx.Err() != nil:
		return 0, context.Cause(r.ctx)
	case r.pos >= r.Size():
		return 0, io.EOF
	case r.pos < int64(len(r.header)):
		n := copy(p, r.header[r.pos:])
		r.pos += int64(n)
		return n, nil
	}
	offset := r.pos - int64(len(r.header))
	if err := r.moveTo(offset); err != nil {
		return 0, err
	}
	r.readAhead(offset)
	n := copy(p, r.current.data[offset-r.current.start:])
	r.pos += int64(n)
	return n, nil
}

// Seek sets the position of the next Read, as io.Seeker says. It reads nothing.
func (r *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.Size()
	default:
		return 0, fmt.Errorf("npy: seek with unknown whence %d", whence)
	}
	if r.closed {
		return 0, errFileClosed
	}
	if offset < 0 {
		return 0, fmt.Errorf("npy: seek to negative position %d", offset)
	}
	if offset != r.pos {
		r.sequential = false
	}
	r.pos = offset
	return offset, nil
}

// Close stops reading ahead, waits for it to end, and frees the windows. Closing twice is harmless.
func (r *File) Close() error {
	r.closed = true
	r.cancel()
	r.stopAhead()
	r.current, r.spare = nil, nil
	return nil
}

// moveTo makes the window that holds the content at offset the current one.
func (r *File) moveTo(offset int64) error {
	if r.current.holds(offset) {
		return nil
	}
	if !r.ahead.holds(offset) {
		r.stopAhead()
		r.retire()
		w := r.newWindow(offset)
		if w.fill(r.ctx, r.src); w.err != nil {
			r.spare = w.data
			return w.err
		}
		r.current, r.sequential = w, false
		return nil
	}
	select {
	case <-r.ahead.done:
	case <-r.ctx.Done(): // The source may take its time to notice; Close waits for it.
		return context.Cause(r.ctx)
	}
	if err := r.ahead.err; err != nil {
		r.stopAhead()
		return err
	}
	r.retire()
	r.current, r.ahead, r.sequential = r.ahead, nil, true
	return nil
}

// readAhead starts to read the window after the current one, if it is likely to be wanted.
func (r *File) readAhead(offset int64) {
	next := r.current.end()
	consumed := offset - r.current.start
	likely := r.sequential || 4*consumed >= int64(len(r.current.data))
	if r.ahead != nil || next == r.shape.Bytes() || !likely {
		return
	}
	w := r.newWindow(next)
	ctx, cancel := context.WithCancel(r.ctx)
	w.cancel, w.done = cancel, make(chan struct{})
	r.ahead = w
	go func() {
		defer close(w.done)
		defer cancel()
		w.fill(ctx, r.src)
	}()
}

// stopAhead ends the reading ahead and waits for it, so that its buffer is free.
func (r *File) stopAhead() {
	if r.ahead == nil {
		return
	}
	r.ahead.cancel()
	<-r.ahead.done
	r.spare, r.ahead = r.ahead.data, nil
}

// retire frees the buffer of the current window.
func (r *File) retire() {
	if r.current != nil {
		r.spare, r.current = r.current.data, nil
	}
}

// newWindow returns an empty window that begins with the row that holds the content at offset (with the element, where
// a row is longer than a window) and ends where the grid of windows says.
func (r *File) newWindow(offset int64) *window {
	size := int64(r.shape.DType.Size())
	row, col := offset/size/r.shape.Cols, offset/size%r.shape.Cols
	i := r.windows.Index(row/r.windows.BlockRows, col/r.windows.BlockCols)
	rect := r.windows.Block(i)
	skip := row - rect.Row
	rect.Row, rect.Rows = row, rect.Rows-skip
	if r.windows.Across() > 1 {
		skip = col - rect.Col
		rect.Col, rect.Cols = col, rect.Cols-skip
	}
	w := &window{rect: rect, start: (rect.Row*r.shape.Cols + rect.Col) * size}
	length := rect.Elements() * size
	if w.data = r.spare; int64(cap(w.data)) < length {
		w.data = make([]byte, length)
	}
	w.data, r.spare = w.data[:length], nil
	return w
}

// window is a stretch of a matrix's content.
type window struct {
	rect  matrix.Rect
	start int64 // in bytes of the content
	data  []byte
	err   error // of reading it

	cancel context.CancelFunc // set, as done is, if a goroutine reads it
	done   chan struct{}
}

func (w *window) fill(ctx context.Context, src matrix.Source) {
	if err := src.ReadRect(ctx, w.rect, w.data); err != nil {
		w.err = fmt.Errorf("read %d rows from row %d: %w", w.rect.Rows, w.rect.Row, err)
	}
}

func (w *window) end() int64 { return w.start + int64(len(w.data)) }

// holds reports whether the window has the content at offset; a nil window has none.
func (w *window) holds(offset int64) bool {
	return w != nil && w.start <= offset && offset < w.end()
}

package npy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/millrace/millrace/matrix"
)

// MaxWindowBytes is the most content that a File reads at once. It holds at most two windows.
const MaxWindowBytes = 4 << 20

// File presents a matrix.Source as a .npy file in C order. It is an io.ReadSeekCloser of known size, as
// http.ServeContent requires. It reads the source in windows of whole rows, or of parts of a row if a row is longer
// than 4 MiB. While the caller consumes one window from front to back, a goroutine reads the next.
//
// Seek reads nothing. The Read after it starts with the row that it needs, and reads ahead only once a quarter of that
// window is consumed, so that a short range costs one window at most. A File must be used from one goroutine.
type File struct {
	ctx     context.Context // of the request that the file serves; Read of io.Reader has no parameter for it
	cancel  context.CancelFunc
	src     matrix.Source
	shape   matrix.Shape
	windows matrix.Grid
	header  []byte
	pos     int64

	current    *window // nil, or complete
	ahead      *window // nil, or the window that a goroutine reads
	spare      []byte  // buffer of a window that is no longer used
	sequential bool    // current was reached by reading on, not by Seek
	closed     bool

	hash    hash.Hash     // of what was read from the beginning on; nil if it is not wanted
	hashed  int64         // bytes of the file that are in it, or on their way
	hashing chan struct{} // closed when they are in it; nil if none were on their way
}

// errFileClosed is what the methods of a closed File return.
var errFileClosed = errors.New("npy: use of a closed File")

// NewFile returns a File at its start. Windows begin at multiples of align rows if that many rows fit into one, else at
// even fractions of it if there are any: with the number of rows of the source's blocks as align, no block is read for
// more windows than necessary. Once ctx ends, Read fails. The caller must call Close.
func NewFile(ctx context.Context, src matrix.Source, align int64) *File {
	return newFile(ctx, src, align, MaxWindowBytes)
}

// NewContent returns a File at its first element, after the header. It reads the source in windows of at most
// windowBytes.
func NewContent(ctx context.Context, src matrix.Source, align, windowBytes int64) *File {
	f := newFile(ctx, src, align, windowBytes)
	f.pos = int64(len(f.header))
	return f
}

func newFile(ctx context.Context, src matrix.Source, align, windowBytes int64) *File {
	s := src.Shape()
	f := &File{
		src:     src,
		shape:   s,
		header:  AppendHeader(nil, s),
		windows: windowGrid(s, align, windowBytes),
	}
	f.ctx, f.cancel = context.WithCancel(ctx)
	return f
}

// Hash makes the file be hashed while it is read: each window by a goroutine, while the caller consumes it. It comes
// before the first Read.
func (f *File) Hash() {
	f.hash = sha256.New()
	f.hash.Write(f.header)
	f.hashed = int64(len(f.header))
}

// Digest returns the SHA-256 of the file, or nil if it was not hashed, or not read from its first window to its last.
func (f *File) Digest() []byte {
	f.awaitHash()
	if f.hash == nil || f.hashed != f.Size() {
		return nil
	}
	return f.hash.Sum(nil)
}

// Size returns the size of the file in bytes.
func (f *File) Size() int64 { return int64(len(f.header)) + f.shape.Bytes() }

// Read implements io.Reader. Its errors are those of the source and of the context. A Read after an error tries again.
func (f *File) Read(p []byte) (int, error) {
	switch {
	case f.closed:
		return 0, errFileClosed
	case len(p) == 0:
		return 0, nil
	case f.ctx.Err() != nil:
		return 0, context.Cause(f.ctx)
	case f.pos >= f.Size():
		return 0, io.EOF
	case f.pos < int64(len(f.header)):
		n := copy(p, f.header[f.pos:])
		f.pos += int64(n)
		return n, nil
	}
	offset := f.pos - int64(len(f.header))
	if err := f.moveTo(offset); err != nil {
		return 0, err
	}
	f.readAhead(offset)
	n := copy(p, f.current.data[offset-f.current.start:])
	f.pos += int64(n)
	return n, nil
}

// Seek implements io.Seeker. It reads nothing.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.Size()
	default:
		return 0, fmt.Errorf("npy: seek with unknown whence %d", whence)
	}
	if f.closed {
		return 0, errFileClosed
	}
	if offset < 0 {
		return 0, fmt.Errorf("npy: seek to negative position %d", offset)
	}
	if offset != f.pos {
		f.sequential = false
	}
	f.pos = offset
	return offset, nil
}

// Close stops reading ahead, waits for its end, and frees the windows. A second Close does nothing.
func (f *File) Close() error {
	f.closed = true
	f.cancel()
	f.stopAhead()
	f.awaitHash()
	f.current = nil
	f.spare = nil
	return nil
}

// moveTo makes the window that holds the content at offset the current one.
func (f *File) moveTo(offset int64) error {
	if f.current.holds(offset) {
		return nil
	}
	if !f.ahead.holds(offset) {
		f.stopAhead()
		f.retire()
		w := f.newWindow(offset)
		if w.fill(f.ctx, f.src); w.err != nil {
			f.spare = w.data
			return w.err
		}
		f.enter(w)
		f.sequential = false
		return nil
	}
	select {
	case <-f.ahead.done:
	case <-f.ctx.Done(): // The source may notice later; Close waits for it.
		return context.Cause(f.ctx)
	}
	if err := f.ahead.err; err != nil {
		f.stopAhead()
		return err
	}
	f.retire()
	f.enter(f.ahead)
	f.ahead = nil
	f.sequential = true
	return nil
}

// readAhead starts to read the window after the current one, if it is likely to be needed.
func (f *File) readAhead(offset int64) {
	next := f.current.end()
	consumed := offset - f.current.start
	likely := f.sequential || 4*consumed >= int64(len(f.current.data))
	if f.ahead != nil || next == f.shape.Bytes() || !likely {
		return
	}
	w := f.newWindow(next)
	ctx, cancel := context.WithCancel(f.ctx)
	w.cancel = cancel
	w.done = make(chan struct{})
	f.ahead = w
	go func() {
		defer close(w.done)
		defer cancel()
		w.fill(ctx, f.src)
	}()
}

// enter makes a window the current one, and begins to hash it if it follows what is hashed.
func (f *File) enter(w *window) {
	f.current = w
	if f.hash == nil || w.start+int64(len(f.header)) != f.hashed {
		return
	}
	f.hashed += int64(len(w.data))
	done := make(chan struct{})
	f.hashing = done
	go func() {
		defer close(done)
		f.hash.Write(w.data)
	}()
}

// awaitHash returns when the buffer of the current window is not hashed any more.
func (f *File) awaitHash() {
	if f.hashing != nil {
		<-f.hashing
		f.hashing = nil
	}
}

// stopAhead ends the reading ahead and waits for its end, so that the buffer is free.
func (f *File) stopAhead() {
	if f.ahead == nil {
		return
	}
	f.ahead.cancel()
	<-f.ahead.done //house:ignore bound its context was cancelled
	f.spare = f.ahead.data
	f.ahead = nil
}

// retire frees the buffer of the current window.
func (f *File) retire() {
	f.awaitHash()
	if f.current != nil {
		f.spare = f.current.data
		f.current = nil
	}
}

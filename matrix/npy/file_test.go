package npy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/matrix"
)

// testRect returns the bytes of a rectangle of a test matrix, row-major. Its elements are all different, and exact in
// float32 for small matrices.
func testRect(r matrix.Rect, dtype matrix.DType) []byte {
	b := make([]byte, 0, r.Elements()*int64(dtype.Size()))
	for row := r.Row; row < r.Row+r.Rows; row++ {
		for col := r.Col; col < r.Col+r.Cols; col++ {
			v := float64(row*1024 + col)
			if dtype == matrix.Float32 {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
			} else {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
		}
	}
	return b
}

// recordedSource is a test matrix that records which rectangles are read.
type recordedSource struct {
	shape matrix.Shape
	hook  func(ctx context.Context, r matrix.Rect) error // nil, or called before each read

	mu    sync.Mutex
	rects []matrix.Rect
}

func (s *recordedSource) Shape() matrix.Shape { return s.shape }

func (s *recordedSource) ReadRect(ctx context.Context, r matrix.Rect, dst []byte) error {
	s.mu.Lock()
	s.rects = append(s.rects, r)
	s.mu.Unlock()
	if s.hook != nil {
		if err := s.hook(ctx, r); err != nil {
			return err
		}
	}
	if r.Empty() || r.Intersect(s.shape.Rect()) != r || int64(len(dst)) != r.Elements()*int64(s.shape.DType.Size()) {
		return fmt.Errorf("a wrong read: %+v of %s to %d bytes", r, s.shape, len(dst))
	}
	copy(dst, testRect(r, s.shape.DType))
	return ctx.Err()
}

// reads returns the rectangles that were read so far.
func (s *recordedSource) reads() []matrix.Rect {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]matrix.Rect(nil), s.rects...)
}

// testFile returns a test matrix as a whole file.
func testFile(s matrix.Shape) []byte {
	return append(AppendHeader(nil, s), testRect(s.Rect(), s.DType)...)
}

// verifyNoLeaks fails the test if it leaves goroutines behind. Tests that use it must not be parallel.
func verifyNoLeaks(t *testing.T) {
	t.Helper()
	ignore := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, ignore) })
}

func TestWindowRows(t *testing.T) {
	t.Parallel()
	tests := []struct{ fit, align, want int64 }{
		{100, 0, 100}, {100, 1, 100}, {256, 256, 256}, {1000, 256, 768}, {255, 256, 128}, {20, 256, 16}, {1, 256, 1},
		{2, 256, 2}, {3, 256, 2}, {200, 257, 200}, {1, 7, 1}, {3, 12, 3}, {5, 12, 4}, {7, 8, 4}, {100, 320, 80},
	}
	for _, tt := range tests {
		if got := windowRows(tt.fit, tt.align); got != tt.want {
			t.Errorf("windowRows(%d, %d) = %d, want %d", tt.fit, tt.align, got, tt.want)
		}
	}
	shapes := []matrix.Shape{
		{Rows: 10_000, Cols: 10_000, DType: matrix.Float64},
		{Rows: 5, Cols: 10_000_000, DType: matrix.Float64},
		{Rows: 1 << 40, Cols: 1, DType: matrix.Float32},
		{Rows: 7, Cols: 0, DType: matrix.Float64},
		{Rows: 0, Cols: 7, DType: matrix.Float64},
	}
	for _, s := range shapes {
		g := windowGrid(s, 256, MaxWindowBytes)
		if size := g.BlockRows * g.BlockCols * int64(s.DType.Size()); size > MaxWindowBytes || size < 1 {
			t.Errorf("%s: windows of %d×%d, want 1 to %d bytes", s, g.BlockRows, g.BlockCols, MaxWindowBytes)
		}
	}
}

// TestFileConforms runs the standard library's conformance test on windows of several kinds.
func TestFileConforms(t *testing.T) {
	verifyNoLeaks(t)
	shapes := []matrix.Shape{
		{Rows: 0, Cols: 0, DType: matrix.Float64},
		{Rows: 0, Cols: 9, DType: matrix.Float64},
		{Rows: 9, Cols: 0, DType: matrix.Float32},
		{Rows: 1, Cols: 1, DType: matrix.Float32},
		{Rows: 13, Cols: 7, DType: matrix.Float64},
		{Rows: 3, Cols: 50, DType: matrix.Float32},
		{Rows: 40, Cols: 1, DType: matrix.Float64},
	}
	for _, shape := range shapes {
		for _, align := range []int64{0, 1, 2, 3, 4, 100} {
			for _, window := range []int64{1, 8, 50, 56, 120, 1 << 20} {
				r := newFile(t.Context(), &recordedSource{shape: shape}, align, window)
				want := testFile(shape)
				if r.Size() != int64(len(want)) {
					t.Errorf("%s: Size() = %d, want %d", shape, r.Size(), len(want))
				}
				if err := iotest.TestReader(r, want); err != nil {
					t.Errorf("%s, align %d, window %d: %v", shape, align, window, err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestFileRandomSeeks(t *testing.T) {
	verifyNoLeaks(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	shape := matrix.Shape{
		Rows:  37,
		Cols:  11,
		DType: matrix.Float64,
	}
	want := testFile(shape)
	for _, window := range []int64{40, 88, 300, 1000} {
		r := newFile(t.Context(), &recordedSource{shape: shape}, 4, window)
		for range 3000 {
			if rnd.IntN(3) > 0 {
				checkSeek(t, r, rnd.Int64N(int64(len(want))), rnd.IntN(3))
			}
			pos, err := r.Seek(0, io.SeekCurrent)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, 1+rnd.IntN(400))
			n, err := io.ReadFull(r, p)
			if err != nil && int(pos)+n != len(want) {
				t.Fatal(err)
			}
			if !bytes.Equal(p[:n], want[pos:int(pos)+n]) {
				t.Fatalf("window %d: %d bytes at %d differ from the file", window, n, pos)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkSeek seeks to target by way of whence.
func checkSeek(t *testing.T, r *File, target int64, whence int) {
	t.Helper()
	base := map[int]int64{io.SeekStart: 0, io.SeekCurrent: r.pos, io.SeekEnd: r.Size()}[whence]
	if got, err := r.Seek(target-base, whence); err != nil || got != target {
		t.Fatalf("Seek(%d, %d) = %d, %v, want %d", target-base, whence, got, err, target)
	}
}

func TestFileBadSeek(t *testing.T) {
	r := NewFile(t.Context(), &recordedSource{shape: matrix.Shape{
		Rows:  1,
		Cols:  1,
		DType: matrix.Float64,
	}}, 1)
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("Seek() to a negative position = nil, want an error")
	}
	if _, err := r.Seek(0, 3); err == nil {
		t.Error("Seek() with an unknown whence = nil, want an error")
	}
	if _, err := r.Seek(100, io.SeekEnd); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("Read() beyond the end = %v, want %v", err, io.EOF)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestFileServesHTTP: downloads, whole and in ranges, are the purpose of File.
func TestFileServesHTTP(t *testing.T) {
	verifyNoLeaks(t)
	shape := matrix.Shape{
		Rows:  100,
		Cols:  30,
		DType: matrix.Float32,
	}
	want := testFile(shape)
	for _, tt := range []struct {
		ranges string
		status int
		body   []byte
	}{
		{"", http.StatusOK, want},
		{"bytes=0-9", http.StatusPartialContent, want[:10]},
		{"bytes=5000-", http.StatusPartialContent, want[5000:]},
		{"bytes=-7", http.StatusPartialContent, want[len(want)-7:]},
	} {
		r := newFile(t.Context(), &recordedSource{shape: shape}, 16, 2000)
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		if tt.ranges != "" {
			request.Header.Set("Range", tt.ranges)
		}
		response := httptest.NewRecorder()
		http.ServeContent(response, request, "c.npy", time.Time{}, r)
		if response.Code != tt.status || !bytes.Equal(response.Body.Bytes(), tt.body) {
			t.Errorf("Range %q: status %d, %d bytes, want %d and %d",
				tt.ranges, response.Code, response.Body.Len(), tt.status, len(tt.body))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// zeroSource does nothing, so that the benchmark measures the cost of File.
type zeroSource matrix.Shape

func (s zeroSource) Shape() matrix.Shape                               { return matrix.Shape(s) }
func (zeroSource) ReadRect(context.Context, matrix.Rect, []byte) error { return nil }

func BenchmarkFile(b *testing.B) {
	shape := matrix.Shape{
		Rows:  8192,
		Cols:  4096,
		DType: matrix.Float64,
	}
	p := make([]byte, 32<<10)
	b.SetBytes(shape.Bytes())
	for b.Loop() {
		r := NewFile(b.Context(), zeroSource(shape), 256)
		var err error
		for err == nil {
			_, err = r.Read(p)
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}

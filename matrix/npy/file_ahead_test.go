package npy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/matrix"
)

// TestFileReadsOnce: reading from front to back reads each row once, in windows that are whole blocks.
func TestFileReadsOnce(t *testing.T) {
	verifyNoLeaks(t)
	src := fourColumns(50)
	r := newFile(t.Context(), src, 8, 17*4*8)
	if err := iotest.TestReader(struct{ io.Reader }{r}, testFile(src.shape)); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	want := []matrix.Rect{rows(0, 16), rows(16, 16), rows(32, 16), rows(48, 2)}
	if got := src.reads(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

// fourColumns returns a source of so many rows of four elements.
func fourColumns(rows int64) *recordedSource {
	return &recordedSource{shape: matrix.Shape{
		Rows:  rows,
		Cols:  4,
		DType: matrix.Float64,
	}}
}

// rows returns the rectangle of n whole rows of a matrix of four columns.
func rows(from, n int64) matrix.Rect {
	return matrix.Rect{
		Row:  from,
		Rows: n,
		Cols: 4,
	}
}

// TestFileReadsAheadLate: Seek reads nothing. The first read after it begins with the row that is needed, without
// reading ahead.
func TestFileReadsAheadLate(t *testing.T) {
	verifyNoLeaks(t)
	src := fourColumns(64)
	r := newFile(t.Context(), src, 16, 16*32)
	head := int64(len(r.header))
	read := func(pos, n int64, want ...matrix.Rect) {
		t.Helper()
		if _, err := r.Seek(pos, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, r, n); err != nil {
			t.Fatal(err)
		}
		if r.ahead != nil {
			<-r.ahead.done
		}
		if got := src.reads(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d bytes at %d: read %v, want %v", n, pos, got, want)
		}
		src.rects = nil
	}
	read(r.Size(), 0)
	read(0, head)
	read(head+20*32+5, 10, rows(20, 12))
	read(head+21*32, 10) // The window is still in memory.
	read(head+2*32, 10, rows(2, 14))
	read(head+10*32, 8, rows(16, 16)) // More than a quarter is consumed, so that the next window is read ahead.
	read(head+17*32, 8, rows(32, 16)) // That one was used, so that the next is read ahead.
	read(head, 8, rows(0, 16))
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestFileSourceFails(t *testing.T) {
	verifyNoLeaks(t)
	failure := errors.New("block is missing")
	broken := true
	src := fourColumns(40)
	src.hook = func(_ context.Context, r matrix.Rect) error {
		if broken && r.Row >= 24 {
			return failure
		}
		return nil
	}
	r := newFile(t.Context(), src, 8, 8*32)
	want := testFile(src.shape)
	got, err := io.ReadAll(r)
	if !errors.Is(err, failure) || !bytes.Equal(got, want[:len(r.header)+24*32]) {
		t.Errorf("ReadAll() = %d bytes, %v, want %d and %v", len(got), err, len(r.header)+24*32, failure)
	}
	if _, err := r.Read(make([]byte, 8)); !errors.Is(err, failure) {
		t.Errorf("the next Read() = %v, want %v", err, failure)
	}
	broken = false
	if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, want[len(got):]) {
		t.Errorf("ReadAll() after the repair = %d bytes, %v, want %d and no error", len(rest), err, len(want)-len(got))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestFileCancel: the end of the context ends a read that waits, whether for its own window or for one that is read
// ahead.
func TestFileCancel(t *testing.T) {
	for _, stuck := range []int64{0, 8} {
		t.Run(fmt.Sprintf("row %d", stuck), func(t *testing.T) {
			verifyNoLeaks(t)
			ctx, cancel := context.WithCancel(t.Context())
			src := fourColumns(40)
			src.hook = func(ctx context.Context, r matrix.Rect) error {
				if r.Row < stuck {
					return nil
				}
				cancel()
				<-ctx.Done()
				return ctx.Err()
			}
			r := newFile(ctx, src, 8, 8*32)
			if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
			if _, err := r.Read(make([]byte, 8)); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFileStopsReadingAhead: Close, and a Seek elsewhere, stop reading ahead.
func TestFileStopsReadingAhead(t *testing.T) {
	verifyNoLeaks(t)
	src := fourColumns(40)
	src.hook = func(ctx context.Context, r matrix.Rect) error {
		if r.Row != 8 {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	r := newFile(t.Context(), src, 8, 8*32)
	startAhead := func() {
		t.Helper()
		if _, err := r.Seek(int64(len(r.header))+6*32, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := io.ReadFull(r, make([]byte, 32)); err != nil {
				t.Fatal(err)
			}
		}
		if r.ahead == nil {
			t.Fatal("no window is read ahead, want one")
		}
	}
	startAhead()
	checkSeek(t, r, r.Size()-8, io.SeekStart)
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 8 {
		t.Errorf("ReadAll() = %d bytes, %v, want 8 and no error", len(rest), err)
	}
	startAhead()
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, errFileClosed) {
		t.Errorf("Read() after Close() = %v, want %v", err, errFileClosed)
	}
	if _, err := r.Seek(0, io.SeekStart); !errors.Is(err, errFileClosed) {
		t.Errorf("Seek() after Close() = %v, want %v", err, errFileClosed)
	}
}

// TestFileDigest: a file that is read in order is hashed, also where a reader goes back and reads something again, and
// one of which a window was left out has no digest.
func TestFileDigest(t *testing.T) {
	verifyNoLeaks(t)
	src := fourColumns(50)
	want := sha256.Sum256(testFile(src.shape))
	const size = 128 + 50*4*8
	for name, c := range map[string]struct {
		hash     bool
		read, to int64 // what is read before a seek to where the rest is read
		want     []byte
	}{
		"whole":        {true, 0, 0, want[:]},
		"not asked":    {false, 0, 0, nil},
		"a window out": {true, 0, 128 + 16*4*8, nil},
		"again":        {true, 1000, 0, want[:]},
		"nothing read": {true, 0, size, nil},
	} {
		r := newFile(t.Context(), src, 8, 17*4*8)
		if c.hash {
			r.Hash()
		}
		if _, err := io.CopyN(io.Discard, r, c.read); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Seek(c.to, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		if got := r.Digest(); !bytes.Equal(got, c.want) {
			t.Errorf("%s: digest %x, want %x", name, got, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

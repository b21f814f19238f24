package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// content returns random elements of a shape, row-major.
func content(shape matrix.Shape) []byte {
	random := rand.New(rand.NewPCG(uint64(shape.Rows), uint64(shape.Cols)))
	data := make([]byte, shape.Bytes())
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// columnMajor returns the same elements in Fortran order.
func columnMajor(rowMajor []byte, shape matrix.Shape) []byte {
	size := int64(shape.DType.Size())
	out := make([]byte, 0, len(rowMajor))
	for j := range shape.Cols {
		for i := range shape.Rows {
			at := (i*shape.Cols + j) * size
			out = append(out, rowMajor[at:at+size]...)
		}
	}
	return out
}

func TestUpload(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, shape := range []matrix.Shape{
		{Rows: 1, Cols: 1}, {Rows: 0, Cols: 5}, {Rows: 5, Cols: 0}, {Rows: 90, Cols: 91}, {Rows: 91, Cols: 91},
		{Rows: 257, Cols: 1025}, {Rows: 20000, Cols: 3}, {Rows: 3, Cols: 20000}, {Rows: 1, Cols: 300000}, {Rows: 300000, Cols: 1},
	} {
		for _, dtype := range []matrix.DType{matrix.Float64, matrix.Float32} {
			shape.DType = dtype
			for _, form := range []string{"rows", "columns", "unknown rows"} {
				if form == "unknown rows" && shape.Cols == 0 {
					continue
				}
				t.Run(fmt.Sprintf("%s by %s", shape, form), func(t *testing.T) { testUpload(t, s, shape, form) })
			}
		}
	}
}

func testUpload(t *testing.T, s *store.Store, shape matrix.Shape, form string) {
	want := content(shape)
	sent, given := want, shape
	switch form {
	case "columns":
		sent = columnMajor(want, shape)
	case "unknown rows":
		given.Rows = matrix.UnknownRows
	}
	u := s.For(identity.DefaultTenant).NewUpload(t.Context(), given, form == "columns", store.FromUpload)
	if _, err := io.CopyBuffer(struct{ io.Writer }{u}, struct{ io.Reader }{bytes.NewReader(sent)}, make([]byte, 70001)); err != nil {
		t.Fatal(err)
	}
	m, err := finish(t, s, u)
	if err != nil {
		t.Fatal(err)
	}
	if m.Shape() != shape || m.State != store.Ready {
		t.Errorf("got %s, %s, want %s, ready", m.Shape(), m.State, shape)
	}
	if m.InBlocks() != (shape.Bytes() > store.MaxInline) {
		t.Errorf("%d bytes in blocks: %v", shape.Bytes(), m.InBlocks())
	}
	got := make([]byte, len(want))
	if err := s.Source(m).ReadRect(t.Context(), shape.Rect(), got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the content differs")
	}
	digest := sha256.Sum256(append(npy.AppendHeader(nil, shape), want...))
	if !bytes.Equal(m.Digest, digest[:]) {
		t.Error("the digest is not that of the .npy file")
	}
}

// TestUploadOfWrongSize: an incomplete content becomes no matrix, and leaves nothing behind.
func TestUploadOfWrongSize(t *testing.T) {
	t.Parallel()
	for _, shape := range []matrix.Shape{
		{Rows: 10, Cols: 10, DType: matrix.Float64}, {Rows: 300, Cols: 300, DType: matrix.Float64},
		{Rows: matrix.UnknownRows, Cols: 30000, DType: matrix.Float64},
	} {
		s := open(t)
		u := s.For(identity.DefaultTenant).NewUpload(t.Context(), shape, false, store.FromUpload)
		if _, err := u.Write(make([]byte, 79)); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Write(make([]byte, max(0, shape.Bytes()-80))); err != nil {
			t.Fatal(err)
		}
		if _, err := finish(t, s, u); !errors.Is(err, matrix.ErrMalformed) {
			t.Errorf("%s: finish() = %v, want ErrMalformed", shape, err)
		}
		if err := u.Abort(); err != nil {
			t.Fatal(err)
		}
		expectEmpty(t, s)
	}
}

func expectEmpty(t *testing.T, s *store.Store) {
	t.Helper()
	var rows int
	if err := s.Pool.QueryRow(t.Context(), "SELECT count(*) FROM matrices").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	owners, err := blocks.AllOwners(t.Context(), s.Blocks)
	if err != nil || rows != 0 || len(owners) != 0 {
		t.Errorf("%d rows and the blocks of %v are left, %v", rows, owners, err)
	}
}

func TestUploadCancelled(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	u := s.For(identity.DefaultTenant).NewUpload(ctx, matrix.Shape{
		Rows:  2000,
		Cols:  2000,
		DType: matrix.Float64,
	}, false, store.FromUpload)
	if _, err := u.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := finish(t, s, u); err == nil {
		t.Error("the upload is finished")
	}
	if err := u.Abort(); err != nil {
		t.Fatal(err)
	}
	expectEmpty(t, s)
}

// failingBlocks fails to write one block, as a full disk does.
type failingBlocks struct{ blocks.Store }

var errDiskFull = errors.New("disk full")

func (f failingBlocks) Put(ctx context.Context, id uuid.UUID, index int64, data []byte) error {
	if index == 5 {
		return errDiskFull
	}
	return f.Store.Put(ctx, id, index, data)
}

func TestUploadToBrokenStore(t *testing.T) {
	t.Parallel()
	s := open(t)
	good := s.Blocks
	s.Blocks = failingBlocks{good}
	u := s.For(identity.DefaultTenant).NewUpload(t.Context(), matrix.Shape{
		Rows:  2000,
		Cols:  2000,
		DType: matrix.Float64,
	}, false, store.FromUpload)
	_, err := u.Write(make([]byte, 32_000_000))
	if err == nil {
		_, err = finish(t, s, u)
	}
	if !errors.Is(err, errDiskFull) {
		t.Errorf("the upload ends with %v, want the error of the disk", err)
	}
	if err := u.Abort(); err != nil {
		t.Fatal(err)
	}
	s.Blocks = good
	expectEmpty(t, s)
}

// TestSourceRects reads rectangles across the borders of blocks.
func TestSourceRects(t *testing.T) {
	t.Parallel()
	s := open(t)
	shape := matrix.Shape{
		Rows:  700,
		Cols:  2100,
		DType: matrix.Float32,
	}
	want := content(shape)
	for _, fortran := range []bool{false, true} {
		sent := want
		if fortran {
			sent = columnMajor(want, shape)
		}
		u := s.For(identity.DefaultTenant).NewUpload(t.Context(), shape, fortran, store.FromUpload)
		if _, err := u.Write(sent); err != nil {
			t.Fatal(err)
		}
		m, err := finish(t, s, u)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(3, 4))
		for range 50 {
			r := matrix.Rect{Row: random.Int64N(700), Col: random.Int64N(2100)}
			r.Rows = 1 + random.Int64N(700-r.Row)
			r.Cols = 1 + random.Int64N(2100-r.Col)
			expectRect(t, s.Source(m), r, want, shape)
		}
	}
}

func expectRect(t *testing.T, source matrix.Source, r matrix.Rect, want []byte, shape matrix.Shape) {
	t.Helper()
	size := int64(shape.DType.Size())
	got := make([]byte, r.Elements()*size)
	if err := source.ReadRect(t.Context(), r, got); err != nil {
		t.Fatal(err)
	}
	for i := range r.Rows {
		at := ((r.Row+i)*shape.Cols + r.Col) * size
		if !bytes.Equal(got[i*r.Cols*size:(i+1)*r.Cols*size], want[at:at+r.Cols*size]) {
			t.Fatalf("%+v: row %d differs", r, i)
		}
	}
}

func TestRandomSeedsAreUnsigned(t *testing.T) {
	t.Parallel()
	s := open(t)
	shape := matrix.Shape{
		Rows:  2,
		Cols:  2,
		DType: matrix.Float64,
	}
	var m store.Matrix
	err := s.InTx(t.Context(), func(tx *store.Tx) (err error) {
		m, err = tx.For(identity.DefaultTenant).InsertMatrix(t.Context(), store.NewRandom(shape, 1<<63+5))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, want := make([]byte, 32), make([]byte, 32)
	if err := s.Source(m).ReadRect(t.Context(), shape.Rect(), got); err != nil {
		t.Fatal(err)
	}
	if err := matrix.NewRandom(shape, 1<<63+5).ReadRect(t.Context(), shape.Rect(), want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("another matrix came back")
	}
}

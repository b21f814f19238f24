package objects_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/s3server"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/objects"
)

// bundle is a prefix of the bucket, in front of which is a proxy.
type bundle struct {
	t      *testing.T
	proxy  *s3server.Proxy
	room   *objects.Room
	raw    *minio.Core // not by the proxy
	prefix string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	b := &bundle{
		t:      t,
		proxy:  s3server.NewProxy(t),
		prefix: uuid.NewString() + "/",
	}
	b.room = openRoom(t, b.proxy.Address+"=read,write")
	b.raw = s3server.Raw(t)
	return b
}

func openRoom(t *testing.T, setting string) *objects.Room {
	t.Helper()
	r, err := objects.Open([]string{setting}, "postgres", func(context.Context, identity.TenantID) (string, error) {
		return "default", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b *bundle) ref(key string) objects.Ref {
	return objects.Ref{Bucket: s3server.Bucket, Key: b.prefix + key}
}

// put stores an object.
func (b *bundle) put(key string, content []byte) {
	b.t.Helper()
	s3server.Put(b.t, b.raw, b.prefix+key, content)
}

// open opens an object that can be opened.
func (b *bundle) open(key string) (matrix.Source, objects.Operand) {
	b.t.Helper()
	o, shape, err := b.room.Open(b.t.Context(), identity.DefaultTenant, b.ref(key), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.room.Source(identity.DefaultTenant, shape, o), o
}

// value is element [i, j] of the matrices of the tests: a whole number that each type has.
func value(i, j int64) float64 { return float64((7*i + 3*j) % 100) }

// encoders write a number as an element of a type.
var encoders = map[string]func([]byte, float64) []byte{
	"<f8": func(p []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(p, math.Float64bits(v)) },
	">f8": func(p []byte, v float64) []byte { return binary.BigEndian.AppendUint64(p, math.Float64bits(v)) },
	"<f4": func(p []byte, v float64) []byte {
		return binary.LittleEndian.AppendUint32(p, math.Float32bits(float32(v)))
	},
	">i2": func(p []byte, v float64) []byte { return binary.BigEndian.AppendUint16(p, uint16(v)) },
	"|u1": func(p []byte, v float64) []byte { return append(p, uint8(v)) },
}

// file returns a .npy file of a matrix with the values of the tests.
func file(descr string, fortran bool, rows, cols int64) []byte {
	order := map[bool]string{false: "False", true: "True"}[fortran]
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%d, %d), }", descr, order, rows, cols)
	dict += strings.Repeat(" ", 63-(10+len(dict))%64) + "\n"
	text := []byte("\x93NUMPY\x01\x00")
	text = binary.LittleEndian.AppendUint16(text, uint16(len(dict)))
	text = append(text, dict...)
	encode := encoders[descr]
	for i := range rows * cols {
		if fortran {
			text = encode(text, value(i%rows, i/rows))
		} else {
			text = encode(text, value(i/cols, i%cols))
		}
	}
	return text
}

// wantRect reads a rectangle and checks it.
func wantRect(t *testing.T, src matrix.Source, r matrix.Rect) {
	t.Helper()
	dtype := src.Shape().DType
	got := matrix.AsBytes(make([]float64, r.Elements()))[:r.Elements()*int64(dtype.Size())]
	if err := src.ReadRect(t.Context(), r, got); err != nil {
		t.Fatalf("ReadRect(%v) = %v", r, err)
	}
	want := make([]byte, 0, len(got))
	encode := encoders[map[matrix.DType]string{matrix.Float64: "<f8", matrix.Float32: "<f4"}[dtype]]
	for i := range r.Rows {
		for j := range r.Cols {
			want = encode(want, value(r.Row+i, r.Col+j))
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("ReadRect(%v) has other elements than were written", r)
	}
}

func rect(row, col, rows, cols int64) matrix.Rect {
	return matrix.Rect{
		Row:  row,
		Col:  col,
		Rows: rows,
		Cols: cols,
	}
}

// TestOperands: objects in both orders and of all types of elements are read right, in any rectangle, whatever is in
// their keys.
func TestOperands(t *testing.T) {
	b := setup(t)
	const rows, cols = 37, 53
	for descr := range encoders {
		for _, fortran := range []bool{false, true} {
			key := fmt.Sprintf("a b/ü+%%2F%%2e?&='\"#%s%t.npy", descr, fortran)
			b.put(key, file(descr, fortran, rows, cols))
			src, _ := b.open(key)
			for _, r := range []matrix.Rect{
				rect(0, 0, rows, cols), rect(3, 0, 5, cols), rect(0, 7, rows, 9), rect(11, 13, 1, 1), rect(36, 52, 1, 1),
				rect(5, 6, 20, 30), rect(5, 6, 0, 30),
			} {
				wantRect(t, src, r)
			}
		}
	}
}

// TestRanges: what a panel takes is read about once, and by few requests; what is between narrow rows is read, too,
// unless it is much.
func TestRanges(t *testing.T) {
	b := setup(t)
	const rows, cols = 40, 100_000 // of 100 kB
	b.put("wide", file("|u1", false, rows, cols))
	b.put("narrow", file("<f8", false, 20_000, 50)) // 8 MB
	wide, _ := b.open("wide")
	narrow, _ := b.open("narrow")
	for _, c := range []struct {
		name        string
		src         matrix.Source
		rect        matrix.Rect
		requests    int
		least, most int64
	}{
		{"whole rows", narrow, rect(100, 0, 1000, 50), 1, 400_000, 400_000},
		{"many whole rows", narrow, rect(0, 0, 20_000, 50), 2, 8_000_000, 8_000_000},
		{"columns with small gaps", narrow, rect(0, 10, 1000, 25), 1, 999*400 + 200, 999*400 + 200},
		{"columns with gaps as large as rows", wide, rect(0, 100, 30, 1000), 1, 30_000, 30 * cols},
	} {
		b.proxy.Set(nil)
		wantRect(t, c.src, c.rect)
		requests, bytes := b.proxy.Count()
		if requests != c.requests || bytes < c.least || bytes > c.most {
			t.Errorf("%s: %d requests and %d bytes, want %d and from %d to %d", c.name, requests, bytes, c.requests, c.least,
				c.most)
		}
	}
	b.put("wider", file("|u1", false, 10, 200_000))
	wider, _ := b.open("wider")
	b.proxy.Set(nil)
	wantRect(t, wider, rect(0, 0, 10, 50_000))
	if requests, bytes := b.proxy.Count(); requests != 10 || bytes != 500_000 {
		t.Errorf("large gaps: %d requests and %d bytes, want 10 and 500000", requests, bytes)
	}
}

// TestRefusedOperands: what cannot be an operand is refused with an error that says why.
func TestRefusedOperands(t *testing.T) {
	b := setup(t)
	whole := file("<f8", false, 10, 10)
	b.put("whole", whole)
	b.put("empty", nil)
	b.put("text", []byte("no matrix"))
	b.put("short", whole[:len(whole)-1])
	b.put("long", append(slices.Clone(whole), 0))
	b.put("complex", bytes.Replace(whole, []byte("<f8"), []byte("<c8"), 1))
	for key, want := range map[string]error{
		"whole": nil, "missing": objects.ErrMissing, "empty": matrix.ErrMalformed, "text": matrix.ErrMalformed,
		"short": matrix.ErrMalformed, "long": matrix.ErrMalformed, "complex": matrix.ErrUnsupported,
	} {
		if _, _, err := b.room.Open(t.Context(), 1, b.ref(key), 0); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", key, err, want)
		}
	}
	if _, _, err := b.room.Open(t.Context(), 1, b.ref("whole"), 799); !errors.Is(err, matrix.ErrTooLarge) {
		t.Errorf("a limit: error %v, want ErrTooLarge", err)
	}
	for code, want := range map[string]error{
		"AccessDenied": objects.ErrRefused, "NoSuchBucket": objects.ErrRefused, "SlowDown": objects.ErrUnavailable,
	} {
		b.proxy.Set(func(_ int, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			s3server.Refuse(w, map[string]int{"AccessDenied": 403, "NoSuchBucket": 404, "SlowDown": 503}[code], code)
		})
		_, _, err := b.room.Open(t.Context(), 1, b.ref("whole"), 0)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: error %v, want %v with the code", code, err, want)
		}
	}
	nowhere := openRoom(t, "s3://nowhere?endpoint=http://127.0.0.1:1=read")
	_, _, err := nowhere.Open(t.Context(), 1, objects.Ref{Bucket: "nowhere", Key: "x"}, 0)
	if !errors.Is(err, objects.ErrUnavailable) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a store that is not there: error %v, want ErrUnavailable without its address", err)
	}
}

// TestChangedOperands: an object that was replaced or deleted is not read, also from a store that knows no conditions.
func TestChangedOperands(t *testing.T) {
	b := setup(t)
	read := func(src matrix.Source) error { return src.ReadRect(t.Context(), rect(0, 0, 1, 1), make([]byte, 8)) }
	b.put("x", file("<f8", false, 10, 10))
	src, _ := b.open("x")
	b.put("x", file("<f8", true, 10, 10))
	if err := read(src); !errors.Is(err, objects.ErrChanged) {
		t.Errorf("replaced: error %v, want ErrChanged", err)
	}
	b.proxy.Set(func(_ int, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		var options minio.GetObjectOptions
		options.Set("Range", r.Header.Get("Range"))
		body, _, header, err := b.raw.GetObject(r.Context(), s3server.Bucket, b.prefix+"x", options)
		if err != nil {
			t.Error(err)
			return
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.Copy(w, body)
	})
	if err := read(src); !errors.Is(err, objects.ErrChanged) {
		t.Errorf("replaced, and the condition ignored: error %v, want ErrChanged", err)
	}
	b.proxy.Set(nil)
	src, _ = b.open("x")
	if err := b.raw.RemoveObject(t.Context(), s3server.Bucket, b.prefix+"x", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := read(src); !errors.Is(err, objects.ErrChanged) {
		t.Errorf("deleted: error %v, want ErrChanged", err)
	}
}

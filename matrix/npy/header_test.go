package npy

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// testNPY returns a .npy file with the given version, header text and content.
func testNPY(version byte, header string, content []byte) []byte {
	b := append([]byte(magic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), content...)
}

// testHeader returns a header as NumPy writes it, without padding.
func testHeader(descr, fortran, shape string) string {
	return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n"
}

func TestAppendHeader(t *testing.T) {
	t.Parallel()
	const want = "\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"
	got := string(AppendHeader([]byte("before"), matrix.Shape{
		Rows:  3,
		Cols:  4,
		DType: matrix.Float64,
	}))
	got = strings.TrimPrefix(got, "before")
	if len(got) != 128 || strings.TrimRight(got, " \n") != want || got[127] != '\n' {
		t.Errorf("AppendHeader() = %q, want %q padded to 128 bytes", got, want)
	}
	shapes := []matrix.Shape{
		{Rows: 0, Cols: 0, DType: matrix.Float32},
		{Rows: 1, Cols: 1, DType: matrix.Float64},
		{Rows: math.MaxInt64, Cols: 0, DType: matrix.Float64},
		{Rows: 0, Cols: math.MaxInt64, DType: matrix.Float32},
		{Rows: 1 << 30, Cols: 1 << 29, DType: matrix.Float64},
	}
	for _, s := range shapes {
		b := AppendHeader(nil, s)
		if len(b)%alignment != 0 {
			t.Errorf("%s: a header of %d bytes, want a multiple of %d", s, len(b), alignment)
		}
		r, err := NewReader(bytes.NewReader(b), 0)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		h := r.Header()
		if h.Shape != s || h.Fortran || h.FileBytes() != int64(len(b))+s.Bytes() {
			t.Errorf("%s: read back as %+v, want the same shape and %d bytes", s, h, int64(len(b))+s.Bytes())
		}
	}
}

func TestHeaderSizes(t *testing.T) {
	t.Parallel()
	file := testNPY(2, testHeader("<i2", "True", "(3, 5)"), make([]byte, 30))
	r, err := NewReader(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Header()
	if h.Shape != (matrix.Shape{
		Rows:  3,
		Cols:  5,
		DType: matrix.Float64,
	}) || !h.Fortran || h.Descr != "<i2" {
		t.Errorf("header %+v, want 3×5 float64 from <i2 in Fortran order", h)
	}
	if h.ContentBytes() != 30 || h.FileBytes() != int64(len(file)) {
		t.Errorf("%d of %d bytes, want 30 of %d", h.ContentBytes(), h.FileBytes(), len(file))
	}
}

package matrix

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

// npyFile returns a .npy file with the given version, header text and content.
func npyFile(version byte, header string, content []byte) []byte {
	b := append([]byte(npyMagic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), content...)
}

// npyText returns a header as NumPy writes it, without padding.
func npyText(descr, fortran, shape string) string {
	return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n"
}

func TestAppendNPYHeader(t *testing.T) {
	t.Parallel()
	const want = "\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"
	got := string(AppendNPYHeader([]byte("before"), Shape{3, 4, Float64}))
	got = strings.TrimPrefix(got, "before")
	if len(got) != 128 || strings.TrimRight(got, " \n") != want || got[127] != '\n' {
		t.Errorf("header %q", got)
	}
	shapes := []Shape{
		{0, 0, Float32}, {1, 1, Float64}, {math.MaxInt64, 0, Float64}, {0, math.MaxInt64, Float32}, {1 << 30, 1 << 29, Float64},
	}
	for _, s := range shapes {
		b := AppendNPYHeader(nil, s)
		if len(b)%npyAlign != 0 {
			t.Errorf("%s: %d bytes", s, len(b))
		}
		r, err := NewNPYReader(bytes.NewReader(b), 0)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		h := r.Header()
		if h.Shape != s || h.Fortran || h.FileBytes() != int64(len(b))+s.Bytes() {
			t.Errorf("%s: read back as %+v", s, h)
		}
	}
}

func TestNPYHeaderSizes(t *testing.T) {
	t.Parallel()
	file := npyFile(2, npyText("<i2", "True", "(3, 5)"), make([]byte, 30))
	r, err := NewNPYReader(bytes.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Header()
	if h.Shape != (Shape{3, 5, Float64}) || !h.Fortran || h.Descr != "<i2" {
		t.Errorf("header %+v", h)
	}
	if h.ContentBytes() != 30 || h.FileBytes() != int64(len(file)) {
		t.Errorf("%d of %d bytes, want 30 of %d", h.ContentBytes(), h.FileBytes(), len(file))
	}
}

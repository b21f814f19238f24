package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/matrix"
)

// testFloats returns little-endian float64 bytes.
func testFloats(values ...float64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// TestReader reads files that were written by hand from the description of the format.
func TestReader(t *testing.T) {
	t.Parallel()
	f32 := []byte{0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0} // 1, -2.5
	tests := []struct {
		descr   string
		content string
		want    []byte
	}{
		{"<f8", "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x04\xc0", testFloats(1, -2.5)},
		{"=f8", "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x04\xc0", testFloats(1, -2.5)},
		{"f8", "\x00\x00\x00\x00\x00\x00\xf0\x3f\x00\x00\x00\x00\x00\x00\x04\xc0", testFloats(1, -2.5)},
		{">f8", "\x3f\xf0\x00\x00\x00\x00\x00\x00\xc0\x04\x00\x00\x00\x00\x00\x00", testFloats(1, -2.5)},
		{"<f4", "\x00\x00\x80\x3f\x00\x00\x20\xc0", f32},
		{">f4", "\x3f\x80\x00\x00\xc0\x20\x00\x00", f32},
		{"|i1", "\x7f\x80", testFloats(127, -128)},
		{"|u1", "\x7f\x80", testFloats(127, 128)},
		{">i1", "\x7f\x80", testFloats(127, -128)},
		{"<i2", "\x01\x02\xfe\xff", testFloats(513, -2)},
		{">i2", "\x02\x01\xff\xfe", testFloats(513, -2)},
		{"<u2", "\x01\x02\xfe\xff", testFloats(513, 65534)},
		{">u2", "\x02\x01\xff\xfe", testFloats(513, 65534)},
		{"<i4", "\x01\x00\x00\x02\xfe\xff\xff\xff", testFloats(33554433, -2)},
		{">i4", "\x02\x00\x00\x01\xff\xff\xff\xfe", testFloats(33554433, -2)},
		{"<u4", "\x01\x00\x00\x02\xfe\xff\xff\xff", testFloats(33554433, 4294967294)},
		{">u4", "\x02\x00\x00\x01\xff\xff\xff\xfe", testFloats(33554433, 4294967294)},
		{"<i8", "\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\xe0\xff", testFloats(1<<53, -1<<53)},
		{">i8", "\x00\x20\x00\x00\x00\x00\x00\x00\xff\xe0\x00\x00\x00\x00\x00\x00", testFloats(1<<53, -1<<53)},
		{"<u8", "\x00\x00\x00\x00\x00\x00\x20\x00\x02\x00\x00\x00\x00\x00\x00\x00", testFloats(1<<53, 2)},
		{">u8", "\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02", testFloats(1<<53, 2)},
	}
	for _, tt := range tests {
		for version := byte(1); version <= 3; version++ {
			file := testNPY(version, testHeader(tt.descr, "False", "(1, 2)"), []byte(tt.content))
			for name, read := range readings() {
				if got, err := read(file); err != nil || !bytes.Equal(got, tt.want) {
					t.Errorf("%s version %d, %s: %v, %v, want %v", tt.descr, version, name, got, err, tt.want)
				}
			}
			checkTruncated(t, file)
		}
	}
}

// readings returns ways to read a file's elements that cut it differently on both sides.
func readings() map[string]func(file []byte) ([]byte, error) {
	from := func(wrap func(io.Reader) io.Reader, chunk int) func([]byte) ([]byte, error) {
		return func(file []byte) ([]byte, error) {
			r, err := NewReader(wrap(bytes.NewReader(file)), 0)
			if err != nil {
				return nil, err
			}
			return readChunks(r, chunk)
		}
	}
	plain := func(r io.Reader) io.Reader { return r }
	return map[string]func([]byte) ([]byte, error){
		"whole":                  from(plain, 1<<20),
		"1 byte":                 from(plain, 1),
		"3 bytes":                from(plain, 3),
		"9 bytes":                from(plain, 9),
		"source of single bytes": from(iotest.OneByteReader, 64),
		"source of halves":       from(iotest.HalfReader, 11),
		"source with early EOF":  from(iotest.DataErrReader, 16),
	}
}

// readChunks reads r to its end, chunk bytes at a time.
func readChunks(r io.Reader, chunk int) ([]byte, error) {
	var all []byte
	p := make([]byte, chunk)
	for {
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// checkTruncated cuts a file at each byte, and lengthens it.
func checkTruncated(t *testing.T, file []byte) {
	t.Helper()
	for name, read := range readings() {
		for n := range len(file) {
			if _, err := read(file[:n]); !errors.Is(err, matrix.ErrMalformed) {
				t.Fatalf("%q cut to %d bytes, %s: %v, want %v", file, n, name, err, matrix.ErrMalformed)
			}
		}
		for _, more := range []string{"\x00", "\n", string(file)} {
			if _, err := read(append(bytes.Clone(file), more...)); !errors.Is(err, matrix.ErrMalformed) {
				t.Fatalf("%q lengthened by %d bytes, %s: %v, want %v",
					file, len(more), name, err, matrix.ErrMalformed)
			}
		}
	}
}

func TestReaderMessages(t *testing.T) {
	t.Parallel()
	read := func(content []byte) string {
		r, err := NewReader(bytes.NewReader(testNPY(1, testHeader("<f8", "False", "(10, 10)"), content)), 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(r)
		if _, again := r.Read(make([]byte, 8)); again == nil || again.Error() != err.Error() {
			t.Errorf("the second error is %v, want %v", again, err)
		}
		return err.Error()
	}
	for size, say := range map[int]string{
		120: "800 bytes of 10×10 float64, the content ended after 120 bytes",
		801: "800 bytes of 10×10 float64, the content goes on",
	} {
		if got := read(make([]byte, size)); !strings.Contains(got, say) {
			t.Errorf("%d bytes of content: %q, want it to say %q", size, got, say)
		}
	}
}

func TestReaderEmptyMatrix(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"(0, 0)", "(0, 5)", "(5, 0)"} {
		for _, descr := range []string{"<f8", ">i4"} {
			file := testNPY(1, testHeader(descr, "False", shape), nil)
			for name, read := range readings() {
				if got, err := read(file); err != nil || len(got) != 0 {
					t.Errorf("%s, %s: %v, %v, want no elements and no error", shape, name, got, err)
				}
			}
			checkTruncated(t, file)
		}
	}
}

// TestReaderKeepsBits: Read does not change the bits of floats: signalling and negative NaNs, infinities, denormals,
// negative zero.
func TestReaderKeepsBits(t *testing.T) {
	t.Parallel()
	patterns := []uint64{
		0x7ff0000000000001, 0xfff8000000000123, math.Float64bits(math.Inf(-1)), 1, 1 << 63, 0x7fefffffffffffff,
	}
	var little, big []byte
	for _, v := range patterns {
		little = binary.LittleEndian.AppendUint64(little, v)
		big = binary.BigEndian.AppendUint64(big, v)
	}
	for descr, content := range map[string][]byte{"<f8": little, ">f8": big} {
		r, err := NewReader(bytes.NewReader(testNPY(1, testHeader(descr, "False", "(2, 3)"), content)), 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, little) {
			t.Errorf("%s: %x, %v, want %x", descr, got, err, little)
		}
	}
}

// TestReaderInexact: the error for an integer that float64 cannot represent names its place. 20,000 elements are more
// than one buffer.
func TestReaderInexact(t *testing.T) {
	t.Parallel()
	tests := []struct {
		descr string
		value uint64
		say   string
	}{
		{"i8", 1<<53 + 1, "9007199254740993"},
		{"i8", math.MaxInt64, "9223372036854775807"},
		{"i8", 1 << 63, "-9223372036854775808"},
		{"u8", 1<<53 + 1, "9007199254740993"},
		{"u8", math.MaxUint64, "18446744073709551615"},
	}
	const rows, cols = 100, 200
	for _, tt := range tests {
		for _, index := range []int64{0, 1, 8191, 8192, 19_999} {
			for _, big := range []bool{false, true} {
				var order binary.ByteOrder = binary.LittleEndian
				descr := "<" + tt.descr
				if big {
					order = binary.BigEndian
					descr = ">" + tt.descr
				}
				content := make([]byte, rows*cols*8)
				order.PutUint64(content[8*index:], tt.value)
				for fortran, place := range map[string]string{
					"False": fmt.Sprintf("[%d, %d]", index/cols, index%cols),
					"True":  fmt.Sprintf("[%d, %d]", index%rows, index/rows),
				} {
					file := testNPY(1, testHeader(descr, fortran, "(100, 200)"), content)
					checkInexact(t, file, index, place+" is the integer "+tt.say)
				}
			}
		}
	}
}

func checkInexact(t *testing.T, file []byte, index int64, say string) {
	t.Helper()
	for _, chunk := range []int{5, 64, 1 << 20} {
		r, err := NewReader(bytes.NewReader(file), 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readChunks(r, chunk)
		if !errors.Is(err, matrix.ErrUnsupported) || !strings.Contains(err.Error(), say) {
			t.Errorf("%v, want it to say %q", err, say)
		}
		if int64(len(got)) != 8*index {
			t.Errorf("%d bytes before the bad element, want %d", len(got), 8*index)
		}
	}
}

// allocatedBytes returns what the process allocates while f runs. Tests that use it must not be parallel.
func allocatedBytes(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestReaderMemory: a header that promises a terabyte takes no more memory than the buffer that elements are
// converted in.
func TestReaderMemory(t *testing.T) {
	for _, descr := range []string{"<f8", ">f8", "<i4"} {
		file := testNPY(1, testHeader(descr, "False", "(1073741824, 1024)"), make([]byte, 100))
		p := make([]byte, 4096)
		got := allocatedBytes(func() {
			r, err := NewReader(bytes.NewReader(file), 0)
			for err == nil {
				_, err = r.Read(p)
			}
			if !errors.Is(err, matrix.ErrMalformed) {
				t.Error(err)
			}
		})
		if got > 2*decodeBuffer {
			t.Errorf("%s: %d bytes are allocated, want at most %d", descr, got, 2*decodeBuffer)
		}
	}
}

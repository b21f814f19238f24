package jsonrows

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/millrace/millrace/matrix"
)

// TestAppendRows: what is written reads back as the same elements.
func TestAppendRows(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	for _, shape := range []matrix.Shape{
		{Rows: 0, Cols: 0, DType: matrix.Float64},
		{Rows: 3, Cols: 0, DType: matrix.Float64},
		{Rows: 1, Cols: 1, DType: matrix.Float32},
		{Rows: 50, Cols: 20, DType: matrix.Float64},
		{Rows: 20, Cols: 50, DType: matrix.Float32},
		{Rows: 3, Cols: 3000, DType: matrix.Float64},
		{Rows: 9000, Cols: 1, DType: matrix.Float32},
		{Rows: 9000, Cols: 0, DType: matrix.Float32},
	} {
		var content []byte
		for range shape.Elements() {
			x := random.NormFloat64() * math.Pow10(random.IntN(60)-30)
			if shape.DType == matrix.Float32 {
				content = binary.LittleEndian.AppendUint32(content, math.Float32bits(float32(x)))
				continue
			}
			content = binary.LittleEndian.AppendUint64(content, math.Float64bits(x))
		}
		text, err := AppendRows(nil, shape, content)
		if err != nil {
			t.Fatal(err)
		}
		got, gotShape, err := readRows(bytes.NewReader(text), 0)
		if shape.DType == matrix.Float32 {
			got = roundToFloat32(got)
			gotShape.DType = matrix.Float32
		}
		if err != nil || gotShape != shape || !bytes.Equal(got, content) {
			t.Errorf("%s reads back as %s, equal: %t, error %v", shape, gotShape, bytes.Equal(got, content), err)
		}
		var copied bytes.Buffer
		if err := Copy(&copied, shape, iotest.OneByteReader(bytes.NewReader(content))); err != nil || copied.String() != string(text) {
			t.Errorf("%s: Copy() = %v, equal: %t", shape, err, copied.String() == string(text))
		}
	}
}

// roundToFloat32 converts a content of float64 to one of float32.
func roundToFloat32(content []byte) []byte {
	var out []byte
	for ; len(content) > 0; content = content[8:] {
		x := math.Float64frombits(binary.LittleEndian.Uint64(content))
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(x)))
	}
	return out
}

// TestNumbers: numbers are as ECMAScript writes them; so does encoding/json.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, x := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "1": 1, "-12": -12, "0.1": 0.1, "123456789": 123456789, "0.000001": 1e-6,
		"9.999999999999997e-7": math.Nextafter(1e-6, 0), "1e-7": 1e-7, "1.5e-10": 1.5e-10, "5e-324": 5e-324,
		"100000000000000000000": 1e20, "1e+21": 1e21, "999999999999999900000": math.Nextafter(1e21, 0),
		"9007199254740991": 1<<53 - 1, "9007199254740992": 1 << 53, "-9007199254740994": -(1<<53 + 2),
		"-9223372036854776000": -(1 << 63), "9223372036854776000": 1 << 63, "123456789012345680": 123456789012345680,
		"1.7976931348623157e+308": math.MaxFloat64, "-1.5": -1.5, "33.333333333333336": 100 / 3.,
	} {
		if got := appendFloat64(nil, x); string(got) != text {
			t.Errorf("%v is written as %s, want %s", x, got, text)
		}
	}
	for text, x := range map[string]float32{
		"0": 0, "-0": float32(math.Copysign(0, -1)), "0.1": 0.1, "16777215": 1<<24 - 1, "16777216": 1 << 24,
		"123456790": 123456789, "1e+21": 1e21, "1e-7": 1e-7, "0.000001": 1e-6, "3.4028235e+38": math.MaxFloat32, "1e-45": 1e-45,
	} {
		if got := appendFloat32(nil, x); string(got) != text {
			t.Errorf("float32 %v is written as %s, want %s", x, got, text)
		}
	}
	random := rand.New(rand.NewPCG(9, 10))
	for range 200_000 {
		x := math.Float64frombits(random.Uint64())
		y := math.Float32frombits(random.Uint32())
		if random.IntN(2) == 0 { // where the form changes
			x = math.Round(random.NormFloat64()*1e6) * math.Pow10(random.IntN(36)-14)
			y = float32(x)
		}
		checkNumber(t, x, appendFloat64(nil, x))
		checkNumber(t, y, appendFloat32(nil, y))
	}
}

func checkNumber[T matrix.Float](t *testing.T, x T, got []byte) {
	t.Helper()
	want, err := json.Marshal(x)
	if err == nil && !bytes.Equal(got, want) {
		t.Errorf("%T %v is written as %s, want %s", x, x, got, want)
	}
}

// TestAppendAllocatesNothing: a text for which there is room is written without an allocation.
func TestAppendAllocatesNothing(t *testing.T) {
	shape := matrix.Shape{
		Rows:  2,
		Cols:  2,
		DType: matrix.Float64,
	}
	content := matrix.AsBytes([]float64{1, 100 / 3., 1e-9, 123456789})
	dst := make([]byte, 0, 1<<10)
	if n := testing.AllocsPerRun(100, func() { _, _ = AppendRows(dst, shape, content) }); n > 0 {
		t.Errorf("AppendRows() makes %v allocations, want none", n)
	}
}

// TestCopyFails: an error ends the copying, with what was written before it.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	shape := matrix.Shape{
		Rows:  100,
		Cols:  100,
		DType: matrix.Float64,
	}
	content := make([]byte, shape.Bytes())
	wrong := errors.New("wrong")
	for _, c := range []struct {
		src  io.Reader
		want error
	}{
		{bytes.NewReader(content[:70_000]), io.ErrUnexpectedEOF},
		{bytes.NewReader(nil), io.ErrUnexpectedEOF},
		{io.MultiReader(bytes.NewReader(content[:70_000]), iotest.ErrReader(wrong)), wrong},
	} {
		if err := Copy(io.Discard, shape, c.src); !errors.Is(err, c.want) {
			t.Errorf("Copy() = %v, want %v", err, c.want)
		}
	}
	copy(matrix.AsFloats[float64](content)[9_999:], []float64{math.Inf(-1)})
	var text bytes.Buffer
	err := Copy(&text, shape, bytes.NewReader(content))
	if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "element [99][99] is -Inf") {
		t.Errorf("Copy() = %v, want ErrNotFinite at [99][99]", err)
	}
	if !strings.HasPrefix(text.String(), "[[0, 0, 0") || strings.HasSuffix(text.String(), "]]") {
		t.Errorf("the text begins %.20s, want one that is not whole", text.String())
	}
}

func TestAppendNotFinite(t *testing.T) {
	t.Parallel()
	shape := matrix.Shape{
		Rows:  1,
		Cols:  2,
		DType: matrix.Float64,
	}
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := AppendRows(nil, shape, matrix.AsBytes([]float64{1, x}))
		want := fmt.Sprintf("element [0][1] is %v", x)
		if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), want) {
			t.Errorf("AppendRows() of %v: error %v, want ErrNotFinite with %q", x, err, want)
		}
	}
}

func ExampleAppendRows() {
	shape := matrix.Shape{
		Rows:  2,
		Cols:  2,
		DType: matrix.Float64,
	}
	text, err := AppendRows(nil, shape, matrix.AsBytes([]float64{1, 2.5, 3, 1e21}))
	fmt.Println(string(text), err)
	// Output: [[1, 2.5], [3, 1e+21]] <nil>
}

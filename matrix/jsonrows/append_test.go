package jsonrows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

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

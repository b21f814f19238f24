package matrix

import (
	"bytes"
	"testing"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	for _, dtype := range []DType{Float64, Float32} {
		shape := Shape{5, 7, dtype}
		source := NewMemory(shape, testRect(shape.Rect(), dtype))
		if got := source.Shape(); got != shape {
			t.Errorf("Shape() = %s, want %s", got, shape)
		}
		for _, r := range []Rect{
			shape.Rect(), {0, 0, 1, 1}, {4, 6, 1, 1}, {1, 2, 3, 4}, {2, 0, 2, 7}, {3, 3, 0, 2}, {3, 3, 2, 0},
		} {
			got := make([]byte, r.Elements()*int64(dtype.Size()))
			if err := source.ReadRect(t.Context(), r, got); err != nil {
				t.Fatal(err)
			}
			if want := testRect(r, dtype); !bytes.Equal(got, want) {
				t.Errorf("%s, ReadRect(%+v) = %v, want %v", dtype, r, got, want)
			}
		}
	}
}

package matrix

import (
	"bytes"
	"slices"
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

// TestElementsOf: elements are given without a copy where they are of the type and their memory is aligned for it.
func TestElementsOf(t *testing.T) {
	t.Parallel()
	want := []float64{1, 2, 3, 4, 5, 6}
	memory := make([]float64, len(want)+1)
	aligned := AsBytes(memory[:len(want)])
	copy(aligned, AsBytes(want))
	shape := Shape{2, 3, Float64}
	if got, ok := ElementsOf[float64](NewMemory(shape, aligned)); !ok || !slices.Equal(got, want) || &got[0] != &memory[0] {
		t.Errorf("ElementsOf() = %v, %t, want %v in place", got, ok, want)
	}
	if got, ok := ElementsOf[float32](NewMemory(shape, aligned)); ok {
		t.Errorf("ElementsOf() of another type = %v, want none", got)
	}
	misaligned := AsBytes(memory)[4 : 4+len(aligned)]
	if got, ok := ElementsOf[float64](NewMemory(shape, misaligned)); ok {
		t.Errorf("ElementsOf() of misaligned memory = %v, want none", got)
	}
}

package matrix

import (
	"fmt"
	"testing"
)

func TestTranspose(t *testing.T) {
	t.Parallel()
	for rows := range 20 {
		for cols := range 20 {
			testTranspose[float32](t, rows, cols)
			testTranspose[float64](t, rows, cols)
		}
	}
}

func testTranspose[T Float](t *testing.T, rows, cols int) {
	t.Helper()
	src := make([]T, rows*cols)
	for i := range src {
		src[i] = T(i)
	}
	got := make([]T, rows*cols)
	Transpose(AsBytes(got), AsBytes(src), int64(cols), DTypeOf[T]())
	for i, want := range src {
		if r, c := i/cols, i%cols; got[c*rows+r] != want {
			t.Fatalf("%d×%d %s: element (%d, %d) of the transpose is %v, want %v",
				rows, cols, DTypeOf[T](), c, r, got[c*rows+r], want)
		}
	}
}

func BenchmarkTranspose(b *testing.B) {
	for _, dtype := range []DType{Float64, Float32} {
		for _, n := range []int64{32, 1024} {
			b.Run(fmt.Sprintf("%s/%d", dtype, n), func(b *testing.B) {
				size := n * n * int64(dtype.Size())
				src := make([]byte, size)
				dst := make([]byte, size)
				b.SetBytes(size)
				for b.Loop() {
					Transpose(dst, src, n, dtype)
				}
			})
		}
	}
}

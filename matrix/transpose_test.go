package matrix

import "testing"

func TestTranspose(t *testing.T) {
	t.Parallel()
	for rows := range 20 {
		for cols := range 20 {
			src, dst := make([]float32, rows*cols), make([]float32, rows*cols)
			for i := range src {
				src[i] = float32(i)
			}
			transpose(dst, src, cols)
			for i := range src {
				if r, c := i/cols, i%cols; dst[c*rows+r] != src[i] {
					t.Fatalf("%d×%d: element (%d, %d) is lost", rows, cols, r, c)
				}
			}
		}
	}
}

package tile

import (
	"testing"

	"github.com/millrace/millrace/matrix"
)

func TestBufferSize(t *testing.T) {
	t.Parallel()
	seen := make(map[int]int)
	last, _ := bufferSize(1)
	for n := 1; n < 1<<30; n += 1 + n/37 {
		class, size := bufferSize(n)
		if size < n || n > minBufferElements && size > n+n/4 {
			t.Fatalf("%d elements get a buffer of %d, want at most a fifth unused", n, size)
		}
		if was, ok := seen[class]; ok && was != size {
			t.Fatalf("class %d has the size %d, want %d as before", class, size, was)
		}
		if class < last || class > last+1 || class >= len(bufferPool{}.pools) {
			t.Fatalf("%d elements are in class %d, want %d or the next", n, class, last)
		}
		seen[class] = size
		last = class
		if again, same := bufferSize(size); again != class || same != size {
			t.Fatalf("bufferSize(%d) = %d, %d, want %d, %d", size, again, same, class, size)
		}
	}
	for _, n := range []int{matrix.StandardTileRows * matrix.StandardTileCols, panelElements} {
		if _, size := bufferSize(n); size != n {
			t.Errorf("%d elements get a buffer of %d, want %d", n, size, n)
		}
	}
}

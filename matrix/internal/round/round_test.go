package round

import (
	"math"
	"testing"
)

func TestCeilDiv(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ n, d, want int64 }{
		{0, 3, 0}, {1, 3, 1}, {3, 3, 1}, {4, 3, 2}, {-1, 3, 0}, {math.MaxInt64, 1, math.MaxInt64}, {math.MaxInt64, 2, 1 << 62},
	} {
		if got := CeilDiv(tt.n, tt.d); got != tt.want {
			t.Errorf("CeilDiv(%d, %d) = %d, want %d", tt.n, tt.d, got, tt.want)
		}
	}
}

func TestUpAndDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ n, step, up, down int64 }{{0, 4, 0, 0}, {1, 4, 4, 0}, {4, 4, 4, 4}, {7, 4, 8, 4}, {7, 1, 7, 7}} {
		if got := Up(tt.n, tt.step); got != tt.up {
			t.Errorf("Up(%d, %d) = %d, want %d", tt.n, tt.step, got, tt.up)
		}
		if got := Down(tt.n, tt.step); got != tt.down {
			t.Errorf("Down(%d, %d) = %d, want %d", tt.n, tt.step, got, tt.down)
		}
	}
}

func TestEven(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ length, side, step, want int64 }{
		{4000, 2560, 256, 2048}, {100, 100, 1, 100}, {101, 100, 1, 51}, {10, 4, 1, 4}, {10, 3, 1, 3}, {3, 10, 4, 4},
	} {
		if got := Even(tt.length, tt.side, tt.step); got != tt.want {
			t.Errorf("Even(%d, %d, %d) = %d, want %d", tt.length, tt.side, tt.step, got, tt.want)
		}
	}
}

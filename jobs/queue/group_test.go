package queue

import (
	"slices"
	"testing"
)

// TestTilesInLine: two rows of tiles are in line side by side, column by column, and the last row alone if their number
// is odd.
func TestTilesInLine(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	const m, k, n = 7000, 2, 6000 // three by three tiles
	g := b.enqueue(c, Tiles, m, k, n)
	inLine := func() []int64 {
		return query[[]int64](b, `SELECT array_agg((args->>'tile')::bigint ORDER BY id) FROM river_job WHERE id >= $1`, g.First)
	}
	if got, want := inLine(), []int64{0, 3, 1, 4, 2, 5, 6, 7, 8}; !slices.Equal(got, want) {
		t.Errorf("the tiles in line are %v, want %v", got, want)
	}
}

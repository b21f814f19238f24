package line_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue/line"
)

// TestMoved: what has more tiles that wait is moved as soon as its part of its tenant has changed, the last tile of a
// multiplication only when it has changed by a quarter.
func TestMoved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		waiting int64   // tiles of each
		before  float64 // multiplications when the tiles were placed
		now     int
		want    int
	}{
		{"tiles as they should be", 5, 20, 20, 0},
		{"one multiplication more", 5, 20, 21, 21},
		{"one less", 5, 20, 19, 19},
		{"last tiles, one more", 1, 20, 21, 0},
		{"last tiles, four less", 1, 20, 16, 0},
		{"last tiles, half as many", 1, 20, 10, 10},
		{"last tiles, half as many again", 1, 20, 30, 30},
		{"tiles without places", 1, 0, 3, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := &line.Line{}
			for range test.now {
				l.Flows = append(l.Flows, line.Flow{
					ID:       uuid.New(),
					Tenant:   1,
					Priority: 1,
					Share:    1,
					Weight:   1,
					Cost:     2,
					Step:     2 * test.before,
					Waiting:  test.waiting,
				})
			}
			if got := line.Moved(l); got != test.want {
				t.Errorf("%d multiplications are to be moved, want %d", got, test.want)
			}
		})
	}
}

package bulk

import (
	"context"
	"runtime"
)

// Lanes bound how many groups of orders a process accepts at a time. With more each takes longer, and together they
// would have all connections to the database, for which small requests would wait.
type Lanes chan struct{}

// NewLanes returns as many lanes as there are processors, at least two.
func NewLanes() Lanes { return make(Lanes, max(2, min(runtime.GOMAXPROCS(0), runtime.NumCPU()))) }

// enter waits for a lane, and returns the function that leaves it.
func (l Lanes) enter(ctx context.Context) (leave func(), err error) {
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// breath is after how many orders the reading of a batch lets other requests go first, if any wait for a processor:
// about a tenth of a millisecond. Go's scheduler alone would leave a batch ten.
const breath = 16

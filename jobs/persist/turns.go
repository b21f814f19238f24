package persist

import (
	"context"
	"runtime"
)

// Turns let only some write many rows at a time, and others wait for their turn. More of them than there are CPUs
// would hold locks of the database while they wait for a CPU, and what is small and urgent waits for those locks, too.
type Turns chan struct{}

// NewTurns returns turns for as many at a time as there are CPUs, and for two on one: one waits for the disk meanwhile.
func NewTurns() Turns { return make(Turns, max(2, runtime.GOMAXPROCS(0))) } //nolint:mnd // see above

// manyRows is how many rows wait for a turn.
const manyRows = 64

// Do is the function Do for f, which writes so many rows. Many of them wait for their turn.
func (t Turns) Do(ctx context.Context, rows int, f func(context.Context) error) error {
	return Do(ctx, func(ctx context.Context) error {
		if rows < manyRows {
			return f(ctx)
		}
		select {
		case t <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		defer func() { <-t }()
		return f(ctx)
	})
}

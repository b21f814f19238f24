package line

import (
	"context"
	"fmt"
	"time"
)

// heads is since when the first jobs of queue small wait, by priority.
type heads struct {
	at    time.Time
	waits map[int16]time.Duration
}

// readHeads reads where queue small is.
func (k *Keeper) readHeads(ctx context.Context) error {
	at := time.Now()
	rows, err := k.db.ReadSmallHeads(ctx)
	if err != nil {
		return fmt.Errorf("reading where queue small is: %w", err)
	}
	h := &heads{at: at, waits: make(map[int16]time.Duration, len(rows))}
	for _, row := range rows {
		h.waits[row.Priority] = time.Duration(row.Waits * float64(time.Second))
	}
	k.heads.Store(h)
	return nil
}

// minWait is how long the first job of queue small waits at least before the order of that queue matters.
const minWait = time.Second

// Small is what waits in queue small with a priority.
type Small struct {
	Head  time.Time // since when its first job waits, by the clock of this process
	Depth int64     // multiplications, of all priorities
}

// Small returns what waits in queue small with a priority. It reports false if that is not worth a thought. It does not
// wait.
func (k *Keeper) Small(priority int16) (Small, bool) {
	h := k.heads.Load()
	if h == nil || h.waits[priority] < minWait || time.Since(h.at) > keepRates {
		return Small{}, false
	}
	r, ok := k.told()
	return Small{
		Head:  h.at.Add(-h.waits[priority]),
		Depth: r.Depth + k.addedSmall.Load(),
	}, ok
}

// SmallBacklog returns how long the workers take until they have done what is in queue small, of whatever tenant, and
// so many multiplications more. It does not wait.
func (k *Keeper) SmallBacklog(more int) time.Duration {
	r, ok := k.told()
	l := k.last.Load()
	if !ok || l == nil {
		return 0
	}
	r.Depth += k.addedSmall.Load() + int64(more)
	return r.wait(l.SmallSlots) - time.Since(r.At)
}

// AddSmall notes that this process has accepted multiplications for queue small.
func (k *Keeper) AddSmall(n int) { k.addedSmall.Add(int64(n)) }

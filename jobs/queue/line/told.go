package line

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
)

// Tell tells the keeper how fast work is done, and what waits in queue small.
func (k *Keeper) Tell(r Rates) {
	k.addedSmall.Store(0)
	k.rates.Store(&r)
}

// keepRates is how long rates stand for the present.
const keepRates = time.Minute

// told returns the rates that the keeper was told last, unless that is too long ago.
func (k *Keeper) told() (Rates, bool) {
	r := k.rates.Load()
	if r == nil || time.Since(r.At) > keepRates {
		return Rates{Pace: 1}, false
	}
	return *r, true
}

// Estimate is an Outlook in times.
type Estimate struct {
	Ahead int64     // tiles of others that begin before its next one
	Start time.Time // of its next tile; zero: it cannot be told, because there are no workers, say
	End   time.Time // of the last one; zero: the same
}

// estimateTimeout bounds how long a request waits for what is only an estimate.
const estimateTimeout = time.Second

// Estimate returns the outlook of a multiplication of queue tiles that has not finished. It reports false if that
// cannot be told. However often it is called, the line is read at most fifty times a second.
func (k *Keeper) Estimate(ctx context.Context, id uuid.UUID) (Estimate, bool) {
	ctx, cancel := context.WithTimeout(ctx, estimateTimeout)
	defer cancel()
	l, err := k.find(ctx, id)
	if err != nil {
		return Estimate{}, false
	}
	f := k.fleet(l)
	o, ok := l.Outlook(id, f)
	e := Estimate{Ahead: o.Ahead}
	if ok && f.Slots > 0 {
		now := time.Now()
		e.Start = now.Add(max(0, o.Start-now.Sub(l.At)))
		e.End = now.Add(max(0, o.End-now.Sub(l.At)))
	}
	return e, ok
}

// EstimateSmall returns the outlook of what is in queue small: that of all there.
func (k *Keeper) EstimateSmall() (Estimate, bool) {
	r, ok := k.told()
	l := k.last.Load()
	if !ok || l == nil || l.SmallSlots <= 0 {
		return Estimate{}, false
	}
	now := time.Now()
	wait := r.wait(l.SmallSlots)
	return Estimate{
		Ahead: max(0, r.Depth-1),
		Start: now.Add(wait),
		End:   now.Add(wait + time.Duration(float64(time.Second)/max(r.Small.OfSlot, 1))),
	}, true
}

// fleet returns what works on the line.
func (k *Keeper) fleet(l *Line) Fleet {
	r, _ := k.told()
	return Fleet{Slots: l.Slots, Pace: r.Pace}
}

// Backlog returns how long the workers take until they have done what a tenant has in queue tiles. It does not wait.
func (k *Keeper) Backlog(t identity.TenantID) time.Duration {
	l := k.last.Load()
	if l == nil {
		return 0
	}
	k.mu.Lock()
	added := k.added[t]
	k.mu.Unlock()
	f := k.fleet(l)
	f.Slots = max(1, f.Slots) // an autoscaler may have stopped all
	return f.seconds(l.Backlog(t, added)) - time.Since(l.At)
}

package quota

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/identity"
)

// window is how long a tenant may save up requests that it has not sent, in seconds.
const window = 10

// bucket counts the requests of a tenant. Its level is what may be sent now.
type bucket struct {
	level float64
	at    time.Time
}

// Rate is what a tenant may still request.
type Rate struct {
	Quota     int64         // requests in a window
	Window    time.Duration // of the policy
	Remaining int64
	Reset     time.Duration // until all of the quota is there again
}

// Take counts a request of a tenant. It reports false if the tenant has no quota of requests, and an Error if that is
// used up. Each process gives the tenant its part of the rate.
func (k *Keeper) Take(t identity.TenantID, now time.Time) (Rate, bool, error) {
	limit := k.Limits(t).Requests
	if limit <= 0 {
		return Rate{}, false, nil
	}
	replicas := 1.0
	if known := k.known.Load(); known != nil {
		replicas = known.replicas
	}
	rate := limit / replicas
	size := max(1, rate*window)
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.buckets[t]
	if b == nil {
		b = &bucket{level: size, at: now}
		k.buckets[t] = b
	}
	b.level = min(size, b.level+now.Sub(b.at).Seconds()*rate)
	b.at = now
	var err error
	if b.level >= 1 {
		b.level--
	} else {
		err = &Error{
			Quota: Requests,
			Limit: limit,
			Retry: seconds((1 - b.level) / rate),
		}
	}
	return Rate{
		Quota:     int64(math.Ceil(size * replicas)),
		Window:    time.Duration(math.Ceil(size/rate)) * time.Second,
		Remaining: int64(b.level * replicas),
		Reset:     seconds((size - b.level) / rate),
	}, true, err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// forgetBuckets deletes those of tenants that have sent nothing for so long that they are full.
func (k *Keeper) forgetBuckets() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for t, b := range k.buckets {
		limit := k.Limits(t).Requests
		if limit <= 0 || time.Since(b.at) > seconds(max(window, k.known.Load().replicas/limit)) {
			delete(k.buckets, t)
		}
	}
}

// headroom is what a process knows of a tenant's queued work, in seconds of a core.
type headroom struct {
	queued   float64 // all of the tenant's, when it was summed up
	inline   float64 // of it the inline multiplications
	accepted float64 // all that this process ever accepted
	counted  float64 // of that, what was before the sum before the last one began: it is in queued, or over
	next     float64 // of that, what was before the last sum began: some of it may not have been committed then
}

// uncounted is what this process has accepted that may not be in queued.
func (h *headroom) uncounted() float64 { return h.accepted - h.counted }

// Admit reserves room for inline multiplications of a tenant that take some seconds of a core, or returns an Error. It
// may be called again for what was not accepted, with a negative number.
func (k *Keeper) Admit(t identity.TenantID, cost float64) error {
	limit := k.Limits(t).QueuedSeconds
	if limit <= 0 {
		return nil
	}
	replicas := k.known.Load()
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.inline[t]
	if h == nil {
		h = &headroom{}
		k.inline[t] = h
	}
	part := (limit - h.queued) / replicas.parts()
	if cost > 0 && h.uncounted()+cost > part {
		return queuedError(limit, max(limit, h.queued+h.uncounted())+cost)
	}
	h.accepted += cost
	return nil
}

// parts returns into how many parts a quota is divided.
func (n *known) parts() float64 {
	if n == nil {
		return 1
	}
	return n.replicas
}

// noteTiles is told what the tiles of a tenant take, and returns how much it has queued with that. Until the next sum
// no inline multiplications are admitted in the place of these tiles.
func (k *Keeper) noteTiles(t identity.TenantID, tiles float64) float64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.inline[t]
	if h == nil {
		h = &headroom{}
		k.inline[t] = h
	}
	h.queued = max(h.queued, tiles+h.inline)
	return tiles + h.inline + h.uncounted()
}

// inlineWaiting returns how much the inline multiplications of a tenant take, as far as the process knows.
func (k *Keeper) inlineWaiting(t identity.TenantID) float64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.inline[t]
	if h == nil {
		return 0
	}
	return h.inline + h.uncounted()
}

// sumQueued sums up what tenants have queued.
func (k *Keeper) sumQueued(ctx context.Context) error {
	k.mu.Lock()
	begun := make(map[identity.TenantID]float64, len(k.inline))
	for t, h := range k.inline {
		begun[t] = h.accepted
	}
	k.mu.Unlock()
	waiting, err := k.db.SumQueuedInline(ctx, maxInline)
	if err != nil {
		return fmt.Errorf("adding up the inline multiplications of tenants: %w", err)
	}
	tiles, err := k.db.SumQueuedOfAll(ctx)
	if err != nil {
		return fmt.Errorf("adding up the multiplications of tenants: %w", err)
	}
	sums := make(map[identity.TenantID]headroom, len(tiles)+len(waiting))
	for _, row := range waiting {
		cost := CostOfInline(row.Flops, row.Multiplications)
		sums[row.TenantID] = headroom{inline: cost, queued: cost}
	}
	for _, row := range tiles {
		sum := sums[row.TenantID]
		sum.queued += Cost(row.Flops, row.Tiles)
		sums[row.TenantID] = sum
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for t := range sums {
		if k.inline[t] == nil {
			k.inline[t] = &headroom{}
		}
	}
	for t, h := range k.inline {
		h.queued = sums[t].queued
		h.inline = sums[t].inline
		h.counted = h.next
		h.next = begun[t]
		if h.queued == 0 && h.uncounted() == 0 {
			delete(k.inline, t)
		}
	}
	return nil
}

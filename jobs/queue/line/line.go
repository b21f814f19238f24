// Package line keeps the line of queue tiles fair, and tells what is before a multiplication in it.
//
// It is start-time fair queueing. A tile's place is a virtual time: the tiles of a multiplication are as many virtual
// seconds apart as they cost, divided by the multiplication's part of its tenant's weight. That part changes when other
// multiplications of the tenant come and go, so that a process that leads looks at the line each second and moves what
// stands too dense or too far apart. A multiplication that comes stands behind where the line is: what a tenant has not
// used is not saved up. A place is only an order: whatever is wrong about one, no slot is idle while a tile waits.
package line

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store/quota"
)

const (
	// Interval is how often a process looks at the line.
	Interval = time.Second
	// maxFlows is how many multiplications in line are looked at.
	maxFlows = 10_000
	// maxStrangers is how many tiles without a place are looked at, of each priority.
	maxStrangers = 1000
	// maxMoved is about how many tiles are moved in one look; the next one goes on.
	maxMoved = 5000
	// tolerance is by which part the distance of tiles may be wrong.
	tolerance = 0.03
	// toleranceOfOne is the same for the last tile that waits of a multiplication: there is no next one at a distance,
	// and where many multiplications of a tile each come and go, each look would move all of them.
	toleranceOfOne = 0.25
)

// Cost returns what a tile that is not computed yet is taken to cost, in seconds of a core, as quotas count it. Only
// ratios matter for shares.
func Cost(flops float64) float64 { return quota.Cost(flops, 1) }

// Flow is a multiplication in line.
type Flow struct {
	ID       uuid.UUID
	Tenant   identity.TenantID
	Priority int
	Share    float64   // of what its tenant gets, against the tenant's other multiplications
	Weight   float64   // of its tenant
	Cost     float64   // of a tile, in seconds of a core
	Step     float64   // between its tiles, in virtual seconds; 0: they have no places yet
	Last     time.Time // the place of the last tile that has a job
	Waiting  int64     // tiles, with those that have no job yet
	Unqueued int64     // tiles that have none
	Running  int64     // tiles
}

// Line is what stood in line at a time.
type Line struct {
	At         time.Time
	Flows      []Flow
	Clocks     map[int]time.Time // by priority: where the line is
	Slots      float64           // of the processes that have a lease: how many tiles they work at once
	SmallSlots float64           // the same of queue small
	gone       []uuid.UUID       // multiplications that have finished

	once sync.Once
	end  map[uuid.UUID]float64 // see ends

	summed sync.Once
	sums   *sums // see sum
}

// Keeper keeps the line.
type Keeper struct {
	db      *db.Queries
	last    atomic.Pointer[Line]
	rates   atomic.Pointer[Rates]
	weights atomic.Pointer[map[identity.TenantID]float64] // of tenants whose weight is not 1
	reading sync.Mutex                                    // held by one call of find that reads

	heads      atomic.Pointer[heads]
	addedSmall atomic.Int64 // to queue small since its depth was read, by this process

	mu    sync.Mutex
	added map[identity.TenantID]float64 // since the line was read, by this process, in seconds of a core
}

// Add notes that tiles have joined the line, which cost so many seconds of a core.
func (k *Keeper) Add(t identity.TenantID, cost float64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.added == nil {
		k.added = map[identity.TenantID]float64{}
	}
	k.added[t] += cost
}

// New returns a keeper.
func New(q *db.Queries) *Keeper { return &Keeper{db: q} }

// Look reads the line, and keeps it unless another process has done so a moment ago. It reports whether it has moved
// tiles: a fetch that came meanwhile may have passed them over.
func (k *Keeper) Look(ctx context.Context) (moved bool, err error) {
	l, err := k.read(ctx)
	if err == nil {
		err = errors.Join(k.readWeights(ctx), k.readHeads(ctx))
	}
	if err != nil {
		return false, err
	}
	claimed, err := k.db.ClaimLine(ctx, Interval*9/10)
	if err != nil || claimed == 0 {
		return false, err
	}
	return k.keep(ctx, l)
}

// pause is between two readings of the line for what does not stand in the last one.
const pause = 20 * time.Millisecond

// find returns a line in which a multiplication stands, or one that is read now.
func (k *Keeper) find(ctx context.Context, id uuid.UUID) (*Line, error) {
	start := time.Now()
	if l := k.last.Load(); l.has(id) && start.Sub(l.At) < 2*Interval {
		return l, nil
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	l := k.last.Load()
	if l != nil && l.At.After(start) { // another call has read it
		return l, nil
	}
	if l != nil {
		select {
		case <-time.After(pause - time.Since(l.At)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return k.read(ctx)
}

// has reports whether a multiplication stands in the line.
func (l *Line) has(id uuid.UUID) bool {
	return l != nil && slices.ContainsFunc(l.Flows, func(f Flow) bool { return f.ID == id })
}

// maxWeights is of how many tenants the weights are read.
const maxWeights = 10_000

// readWeights reads the weights of the tenants.
func (k *Keeper) readWeights(ctx context.Context) error {
	rows, err := k.db.ListWeights(ctx, maxWeights)
	if err != nil {
		return fmt.Errorf("reading the weights of tenants: %w", err)
	}
	weights := make(map[identity.TenantID]float64, len(rows))
	for _, row := range rows {
		weights[identity.TenantID(row.ID)] = float64(row.Weight)
	}
	k.weights.Store(&weights)
	return nil
}

// Weight returns the weight of a tenant, as it was a moment ago.
func (k *Keeper) Weight(t identity.TenantID) float64 {
	if weights := k.weights.Load(); weights != nil {
		if w, ok := (*weights)[t]; ok {
			return w
		}
	}
	return 1
}

// read reads the line.
func (k *Keeper) read(ctx context.Context) (*Line, error) {
	at := time.Now()
	k.mu.Lock()
	k.added = nil
	k.mu.Unlock()
	rows, err := k.db.ListLine(ctx, maxFlows)
	if err != nil {
		return nil, fmt.Errorf("reading the line: %w", err)
	}
	clocks, err := k.db.ReadClocks(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading where the lines are: %w", err)
	}
	slots, err := k.db.CountSlots(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting slots: %w", err)
	}
	l := &Line{
		At:         at,
		Clocks:     map[int]time.Time{},
		Slots:      float64(slots.Tiles),
		SmallSlots: float64(slots.Small),
	}
	for _, c := range clocks {
		l.Clocks[int(c.Priority)] = c.At
	}
	for _, row := range rows {
		if !row.Active {
			l.gone = append(l.gone, row.MultiplicationID)
			continue
		}
		l.Flows = append(l.Flows, Flow{
			ID:       row.MultiplicationID,
			Tenant:   row.TenantID,
			Priority: int(row.Priority),
			Share:    float64(row.Share),
			Weight:   float64(row.Weight),
			Cost:     float64(row.Cost),
			Step:     row.Step,
			Last:     row.Last,
			Waiting:  row.Waiting,
			Unqueued: row.Unqueued,
			Running:  row.Running,
		})
	}
	k.last.Store(l)
	return l, nil
}

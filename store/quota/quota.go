// Package quota keeps tenants within what they may have: stored bytes, queued work, and requests per second.
//
// What is reserved is a row: of a matrix, or of a multiplication that has not finished. The transaction that accepts
// something writes its rows, takes the lock of the tenant's quota, and sums up. So nothing has to be given back: what
// is cancelled, deleted, completed, expired or was never committed is in no sum.
//
// Inline multiplications are many, and no statement is added to theirs. Each process sums up once a second what waits,
// and accepts in between no more than its part of what is left. Rates are counted by each process, too. Where no tenant
// has a quota, nothing is read, summed up or counted.
package quota

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/quota/internal/db"
)

// Limits are what a tenant may have; 0 is no limit.
type Limits struct {
	StoredBytes   int64
	QueuedSeconds float64 // of a core
	Requests      float64 // in a second
}

// What a tile and an inline multiplication are taken to cost beside their floating-point operations, and what one of
// these does, in seconds of a core.
const (
	secondsPerTile   = 0.02
	secondsPerInline = 0.0002
	secondsPerFLOP   = 1 / 5e10
)

// Cost returns what the tiles of a multiplication are taken to cost, in seconds of a core.
func Cost(flops float64, tiles int64) float64 {
	return flops*secondsPerFLOP + float64(tiles)*secondsPerTile
}

// CostOfInline returns what inline multiplications are taken to cost, in seconds of a core.
func CostOfInline(flops float64, n int64) float64 {
	return flops*secondsPerFLOP + float64(n)*secondsPerInline
}

// The names of the quotas, as clients see them.
const (
	StoredBytes = "stored-bytes"
	Queued      = "queued-work"
	Requests    = "requests"
)

// Error means that a tenant has no room for something in one of its quotas.
type Error struct {
	Quota string // its name
	Limit float64
	Used  float64       // with what was asked for
	Retry time.Duration // when it may succeed
}

// Error implements error.
func (e *Error) Error() string {
	switch e.Quota {
	case StoredBytes:
		return fmt.Sprintf("the tenant's matrices would take %.0f bytes, its quota is %.0f: delete some", e.Used, e.Limit)
	case Queued:
		return fmt.Sprintf("the tenant's unfinished multiplications would take %.4g seconds of a core, its quota is %.4g",
			e.Used, e.Limit)
	}
	return fmt.Sprintf("the tenant's quota is %g requests in a second", e.Limit)
}

// Keeper knows the quotas of all tenants, and keeps one process's part of them.
type Keeper struct {
	store    *store.Store
	db       *db.Queries
	defaults Limits
	replicas func(ctx context.Context) (int, error)
	log      *slog.Logger

	known atomic.Pointer[known] // nil while no tenant has a quota
	// For Refresh.
	looked time.Time // when it has read the quotas
	rest   time.Time // until when it sums up nothing

	mu      sync.Mutex
	buckets map[identity.TenantID]*bucket
	inline  map[identity.TenantID]*headroom
}

// known is what was read last.
type known struct {
	own      map[identity.TenantID]Limits
	replicas float64
}

// New returns a Keeper of tenants that have the given limits, unless they have others of their own. The function
// returns how many processes serve clients.
func New(
	s *store.Store, defaults Limits, replicas func(ctx context.Context) (int, error), log *slog.Logger,
) *Keeper {
	k := &Keeper{
		store:    s,
		db:       db.New(s.Pool),
		defaults: defaults,
		replicas: replicas,
		log:      log,
		buckets:  map[identity.TenantID]*bucket{},
		inline:   map[identity.TenantID]*headroom{},
	}
	if defaults != (Limits{}) {
		k.known.Store(&known{replicas: 1})
	}
	return k
}

// None reports whether no tenant has a quota, as far as the process knows.
func (k *Keeper) None() bool { return k.known.Load() == nil }

// Limits returns what a tenant may have.
func (k *Keeper) Limits(t identity.TenantID) Limits {
	known := k.known.Load()
	if known == nil {
		return Limits{}
	}
	if own, ok := known.own[t]; ok {
		return own
	}
	return k.defaults
}

// Refresh reads the quotas, and sums up what is queued if that has one. It is to be called about once a second, by one
// goroutine.
func (k *Keeper) Refresh(ctx context.Context) error {
	if k.None() && time.Since(k.looked) < lookInterval {
		return nil
	}
	k.looked = time.Now()
	rows, err := k.db.ListLimits(ctx)
	if err != nil {
		return fmt.Errorf("reading the quotas of tenants: %w", err)
	}
	if len(rows) == 0 && k.defaults == (Limits{}) {
		k.known.Store(nil)
		return nil
	}
	n, err := k.replicas(ctx)
	if err != nil {
		return fmt.Errorf("counting the processes that share quotas: %w", err)
	}
	next := &known{own: make(map[identity.TenantID]Limits, len(rows)), replicas: float64(max(1, n))}
	queued := k.defaults.QueuedSeconds > 0
	for _, row := range rows {
		l := k.defaults
		override(&l.StoredBytes, row.MaxStoredBytes)
		override(&l.QueuedSeconds, row.MaxQueuedSeconds)
		override(&l.Requests, row.MaxRequests)
		next.own[row.ID] = l
		queued = queued || l.QueuedSeconds > 0
	}
	k.known.Store(next)
	k.forgetBuckets()
	if !queued {
		return nil
	}
	if time.Now().Before(k.rest) {
		return nil
	}
	start := time.Now()
	err = k.sumQueued(ctx)
	k.rest = time.Now().Add(restFactor * time.Since(start))
	return err
}

// lookInterval is how often Refresh looks for quotas while there are none.
const lookInterval = 5 * time.Second

// restFactor is the least time between two sums, in multiples of the duration of the last one: with a long backlog they
// must not become a load of their own.
const restFactor = 20

// override sets a limit that a tenant has of its own.
func override[T any](limit, own *T) {
	if own != nil {
		*limit = *own
	}
}

// lockClass distinguishes the advisory locks of quotas from those with other pairs of numbers.
const lockClass = 0x71756f74 // "quot"

// CheckTx returns an Error if the tenant has no room in its quotas for what the transaction has written. Until the
// transaction has ended, no other one reserves anything of the quotas.
func (k *Keeper) CheckTx(ctx context.Context, tx *store.TenantTx) error {
	l := k.Limits(tx.ID())
	if l.StoredBytes == 0 && l.QueuedSeconds == 0 {
		return nil
	}
	q := db.New(tx.Tx().Pgx())
	if err := q.LockQuota(ctx, lockClass, int32(tx.ID())); err != nil {
		return fmt.Errorf("reserving of a quota: %w", err)
	}
	if l.StoredBytes > 0 {
		used, err := q.SumStored(ctx, tx.ID())
		if err != nil {
			return fmt.Errorf("adding up a quota: %w", err)
		}
		if err := storedError(float64(l.StoredBytes), used); err != nil {
			return err
		}
	}
	if l.QueuedSeconds == 0 {
		return nil
	}
	queued, err := q.SumQueued(ctx, tx.ID())
	if err != nil {
		return fmt.Errorf("adding up a quota: %w", err)
	}
	return queuedError(l.QueuedSeconds, k.noteTiles(tx.ID(), Cost(queued.Flops, queued.Tiles)))
}

// queuedError returns an Error if more is queued than a limit.
func queuedError(limit, used float64) error {
	if used <= limit {
		return nil
	}
	return &Error{
		Quota: Queued,
		Limit: limit,
		Used:  used,
		Retry: time.Duration(min(maxRetry.Seconds(), max(1, used-limit)) * float64(time.Second)),
	}
}

const (
	// storedRetry is when a sweep has run that counts what was deleted.
	storedRetry = time.Minute
	// maxRetry bounds the time after which clients are told to try again.
	maxRetry = time.Minute
)

// Usage is what a tenant has.
type Usage struct {
	StoredBytes   float64
	QueuedSeconds float64
}

// maxInline is how many inline multiplications are summed up at most.
const maxInline = 1_000_000

// Usage returns what a tenant has now.
func (k *Keeper) Usage(ctx context.Context, t identity.TenantID) (Usage, error) {
	stored, err := k.db.SumStored(ctx, t)
	if err != nil {
		return Usage{}, fmt.Errorf("adding up what a tenant has stored: %w", err)
	}
	queued, err := k.db.SumQueued(ctx, t)
	if err != nil {
		return Usage{}, fmt.Errorf("adding up what a tenant has queued: %w", err)
	}
	return Usage{
		StoredBytes:   math.Round(stored),
		QueuedSeconds: Cost(queued.Flops, queued.Tiles) + k.inlineWaiting(t),
	}, nil
}

// uncountedAge is how old the id of a matrix is whose row is there for certain, or never will be: transactions that
// write one take less.
const uncountedAge = 2 * time.Minute

// Recount counts what tenants have stored, if there are quotas: so that transactions only sum up what is new.
func (k *Keeper) Recount(ctx context.Context) error {
	if k.None() {
		return nil
	}
	if _, err := k.db.Recount(ctx, inline.FirstID(time.Now().Add(-uncountedAge))); err != nil {
		return fmt.Errorf("counting what tenants have stored: %w", err)
	}
	return nil
}

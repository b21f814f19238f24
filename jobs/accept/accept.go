// Package accept accepts inline multiplications in groups: those that come while a transaction is under way share the
// next one.
package accept

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
)

// ErrNotInline means that inline multiplications are not accepted, because a process of a version runs that does not
// know of them. Nothing was written: the multiplication is to be submitted as any other.
var ErrNotInline = errors.New("not each process understands inline multiplications")

const (
	// acceptTimeout bounds one transaction that accepts multiplications.
	acceptTimeout = 10 * time.Second
	// maxAccepted and maxAcceptedBytes bound what one transaction accepts.
	maxAccepted      = 2000
	maxAcceptedBytes = 8 << 20
	// statusAccepted is the HTTP status of the responses that are kept with keys.
	statusAccepted = 202
)

// Acceptor accepts inline multiplications. None waits for others, and one that comes alone is not delayed.
type Acceptor struct {
	queue    *queue.Client
	accepted func(n int) // is told how many were accepted

	mu      sync.Mutex
	waiting []*offer
	keys    map[string]struct{} // of the offers in transactions under way
	running int                 // such transactions
	bundles bundles
	parts   parts
	turns   turns
	joined  chan struct{} // offers have come
}

// maxAccepting is how many transactions accept multiplications at a time: with more, each would accept fewer, and what
// they take is for the most part a matter of their number.
const maxAccepting = 1

// New returns an Acceptor that calls accepted after each transaction with the number of multiplications.
func New(q *queue.Client, accepted func(n int)) *Acceptor {
	return &Acceptor{
		queue:    q,
		accepted: accepted,
		keys:     map[string]struct{}{},
		joined:   make(chan struct{}, 1),
	}
}

// offer is a multiplication that waits to be accepted.
type offer struct {
	queue.Offer
	given  context.Context // of the request
	err    error           // valid once done is closed
	done   chan struct{}
	weight int
}

// Accept accepts inline multiplications: their rows and their jobs are committed when it returns nil. The result has
// one error for each: store.ErrKeyUsed when the key was used before; ErrNotInline.
func (a *Acceptor) Accept(ctx context.Context, offers ...queue.Offer) []error {
	ctx, span := tracing.Start(ctx, "submit")
	joined := make([]*offer, len(offers))
	for i, o := range offers {
		joined[i] = &offer{
			Offer:  o,
			given:  ctx,
			done:   make(chan struct{}),
			weight: len(o.Operands),
		}
	}
	a.join(joined)
	errs := make([]error, len(offers))
	for i, o := range joined {
		select {
		case <-o.done:
			errs[i] = o.err
		case <-ctx.Done():
			errs[i] = ctx.Err()
		}
	}
	measure.TraceOffers(span, offers, errs)
	return errs
}

// join adds offers to the next transaction, and begins it if not too many are under way.
func (a *Acceptor) join(offers []*offer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, offers...)
	select {
	case a.joined <- struct{}{}:
	default:
	}
	if a.running < maxAccepting {
		a.running++
		go a.run()
	}
}

// run accepts until nothing waits.
func (a *Acceptor) run() {
	for group := a.take(); group != nil; group = a.take() {
		a.accept(group)
		a.gather(len(group))
	}
}

// gatherTime is how long a transaction that follows one with a crowd waits for as many: what transactions take is for
// the most part a matter of their number.
const gatherTime = 2 * time.Millisecond

// gather waits, while many come, until most of as many offers wait as the last transaction had, or for a moment. The
// others come while the next one is under way: to wait for them, too, leaves Postgres idle for longer than it saves.
func (a *Acceptor) gather(last int) {
	if last < queue.Crowd {
		return
	}
	limit := time.NewTimer(gatherTime)
	defer limit.Stop()
	for {
		a.mu.Lock()
		enough := len(a.waiting) >= last*3/4
		a.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-a.joined:
		case <-limit.C:
			return
		}
	}
}

// take returns the offers that the next transaction accepts; nil when none waits: run must end then. Those whose
// requests have ended are left out. Offers with keys, which may have to wait for other transactions, and those without
// go apart. Of several with one key the first is taken: it decides about the others.
func (a *Acceptor) take() []*offer {
	a.mu.Lock()
	defer a.mu.Unlock()
	var group, later []*offer
	bytes := 0
	for i, o := range a.waiting {
		if len(group) == maxAccepted || bytes >= maxAcceptedBytes {
			later = append(later, a.waiting[i:]...)
			break
		}
		if err := o.given.Err(); err != nil {
			o.end(err)
			continue
		}
		if len(group) > 0 && (o.Key == nil) != (group[0].Key == nil) || !a.reserve(o.Key) {
			later = append(later, o)
			continue
		}
		group = append(group, o)
		bytes += o.weight
	}
	a.waiting = later
	if len(group) == 0 {
		a.running--
	}
	return group
}

// reserve reports whether a key is in no transaction that is under way, and says that it is then.
func (a *Acceptor) reserve(key *store.IdempotencyKey) bool {
	if key == nil {
		return true
	}
	stored := key.Stored()
	if _, ok := a.keys[stored]; ok {
		return false
	}
	a.keys[stored] = struct{}{}
	return true
}

// end ends offers that have been decided about.
func (a *Acceptor) end(err error, offers ...*offer) {
	a.mu.Lock()
	for _, o := range offers {
		if o.Key != nil {
			delete(a.keys, o.Key.Stored())
		}
	}
	a.mu.Unlock()
	for _, o := range offers {
		o.end(err)
	}
}

func (o *offer) end(err error) {
	o.err = err
	close(o.done)
}

// accept accepts a group in one transaction. If that fails, and not because the database is unavailable, each is tried
// on its own, so that none fails because of another.
func (a *Acceptor) accept(group []*offer) {
	err := a.try(group, len(group) > 1)
	switch {
	case err == nil:
	case len(group) == 1, store.Full(err), store.Unavailable(err) && !database.Locked(err):
		a.end(err, group...)
	default:
		for _, o := range group {
			go a.acceptAlone(o)
		}
	}
}

// acceptAlone accepts an offer whose group could not be accepted.
func (a *Acceptor) acceptAlone(o *offer) {
	if err := a.try([]*offer{o}, false); err != nil {
		a.end(err, o)
	}
	a.join(nil) // others may have waited for its key
}

// try accepts a group in one transaction, and ends each offer unless it returns an error. A hasty one does not wait for
// long for another transaction that is about to write a key.
func (a *Acceptor) try(group []*offer, hasty bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].given), acceptTimeout)
	defer cancel()
	acceptance, last := a.bundles.cut(group, a.turns.in(a.queue.Line()))
	acceptance.Status = statusAccepted
	acceptance.Hasty = hasty
	accepted, err := a.queue.Accept(ctx, acceptance)
	if err != nil {
		return err
	}
	a.bundles.note(last, accepted)
	refusal := store.ErrKeyUsed
	if len(accepted) == 0 {
		known, err := a.queue.KnowInline(ctx, acceptance)
		if err != nil {
			return err
		}
		if !known {
			refusal = ErrNotInline
		}
	}
	var refused []*offer
	group = slices.DeleteFunc(slices.Clone(group), func(o *offer) bool {
		_, ok := accepted[o.ID]
		if !ok {
			refused = append(refused, o)
		}
		return !ok
	})
	a.accepted(len(group))
	a.queue.Line().AddSmall(len(group))
	a.parts.add(group)
	a.end(nil, group...)
	a.end(refusal, refused...)
	return nil
}

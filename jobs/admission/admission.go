// Package admission decides whether submissions are accepted: not while so much is queued that the workers would need
// too long for it, and inline multiplications only while their tenant's quota has room for them. What is written by a
// transaction is held to the quotas in it: see package quota.
package admission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/accept"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/quota"
)

// ErrOverloaded means that so much is queued that no more is accepted for a while. It comes as an OverloadError.
var ErrOverloaded = errors.New("too much work is queued")

// OverloadError says when a submission will be accepted again.
type OverloadError struct {
	RetryAfter time.Duration // if the present workers go on, and no other submission comes first
	queued     time.Duration
	limit      time.Duration
}

// Error implements error.
func (e OverloadError) Error() string {
	return fmt.Sprintf("%s: the workers need %s for it, and more is accepted when they need less than %s, in about %s",
		ErrOverloaded, e.queued.Round(time.Second), e.limit, e.RetryAfter.Round(time.Second))
}

// Unwrap returns ErrOverloaded.
func (e OverloadError) Unwrap() error { return ErrOverloaded }

// Limits are how long the workers may take for what is queued before more is refused; 0: any time.
type Limits struct {
	Tiles time.Duration // for what a tenant has in queue Tiles
	Small time.Duration // for what all tenants have in queue Small
}

// smallPart is by how much the limit of queue Small is lower for a tenant that has more than its part of it. The
// order of that queue is not fair: a bundle has multiplications of several tenants, and is worked in some ten
// milliseconds.
const smallPart = 10

// Gate decides what is accepted.
type Gate struct {
	limits   Limits
	queue    *queue.Client
	acceptor *accept.Acceptor
	quotas   *quota.Keeper
	expected expected
}

// New returns a Gate.
func New(l Limits, q *queue.Client, a *accept.Acceptor, k *quota.Keeper) *Gate {
	return &Gate{
		limits:   l,
		queue:    q,
		acceptor: a,
		quotas:   k,
	}
}

// Check returns an OverloadError if so much is queued that a submission of a tenant to a queue is refused. It asks
// nothing, so that a refusal costs next to nothing.
func (g *Gate) Check(t identity.TenantID, name string) error {
	limit := g.limits.Tiles
	if name == queue.Small {
		limit = g.limits.Small
	}
	if limit <= 0 {
		return nil
	}
	line := g.queue.Line()
	queued := line.Backlog(t)
	if name == queue.Small {
		queued = line.SmallBacklog(g.expected.of(t))
		if queued > limit/smallPart && g.acceptor.Exceeds(t, line.Weight) {
			limit /= smallPart // the others do not wait for what it queues
		}
	}
	if queued <= limit {
		return nil
	}
	return OverloadError{
		RetryAfter: queued - limit,
		queued:     queued,
		limit:      limit,
	}
}

// CheckAny returns an OverloadError if each submission of a tenant is refused, whatever it asks for: it need not be
// read.
func (g *Gate) CheckAny(t identity.TenantID) error {
	if err := g.Check(t, queue.Small); err == nil {
		return nil
	}
	return g.Check(t, queue.Tiles)
}

// Reserve reserves room in a tenant's quota of queued work for an inline multiplication. Errors: quota.Error.
func (g *Gate) Reserve(i inline.Multiplication) error { return g.quotas.Admit(i.TenantID, costOf(i)) }

// giveBack is for an inline multiplication for which room was reserved, and which was then not accepted.
func (g *Gate) giveBack(i inline.Multiplication) { _ = g.quotas.Admit(i.TenantID, -costOf(i)) }

func costOf(i inline.Multiplication) float64 {
	return quota.CostOfInline(matrix.FLOPs(i.M, i.K, i.N), 1)
}

// Accept accepts those offers for which their tenants have room in their quotas. The result has one error for each:
// those of accept.Acceptor, and quota.Error.
func (g *Gate) Accept(ctx context.Context, offers []queue.Offer) []error {
	if g.quotas.None() {
		return g.acceptor.Accept(ctx, offers...)
	}
	errs := make([]error, len(offers))
	var admitted []queue.Offer
	var at []int
	for n, o := range offers {
		if errs[n] = g.Reserve(o.Multiplication); errs[n] == nil {
			admitted = append(admitted, o)
			at = append(at, n)
		}
	}
	for n, err := range g.acceptor.Accept(ctx, admitted...) {
		errs[at[n]] = err
		if err != nil {
			g.giveBack(admitted[n].Multiplication)
		}
	}
	return errs
}

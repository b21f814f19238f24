// Package admission refuses submissions while so much is queued that the workers would need too long for it.
package admission

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/accept"
	"github.com/millrace/millrace/jobs/queue"
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

// Check returns an OverloadError if so much is queued that a submission of a tenant to a queue is refused. It does not
// wait.
func (l Limits) Check(q *queue.Client, a *accept.Acceptor, t identity.TenantID, name string) error {
	limit := l.Tiles
	if name == queue.Small {
		limit = l.Small
	}
	if limit <= 0 {
		return nil
	}
	queued := q.Line().Backlog(t)
	if name == queue.Small {
		queued = q.Line().SmallBacklog()
		if queued > limit/smallPart && a.Exceeds(t, q.Line().Weight) {
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

package jobs

import (
	"cmp"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/quota"
	"github.com/millrace/millrace/store/retention"
)

// The priorities of a multiplication.
const (
	MinPriority     = 1 // the most urgent
	MaxPriority     = 4
	DefaultPriority = 2
)

// DefaultMaxTiles is the default of Limits.MaxTiles: 50,000 tiles of full size are 40 hours of a core that does
// 50 GFLOP/s, and reading the progress of as many jobs takes some 20 ms.
const DefaultMaxTiles = 50_000

// Limits bound what submissions may ask for.
type Limits struct {
	MaxTiles    int64        // of a multiplication; 0: DefaultMaxTiles
	MaxReserved int64        // what unfinished results may still need in the block store; 0: most of what is free
	Quotas      quota.Limits // of tenants that have none of their own
	Queued      admission.Limits
	// Reuse says that a multiplication may have the result of an earlier one.
	Reuse bool
	// MaxRetention is the longest retention that a submission may ask for; 0: that of others.
	MaxRetention time.Duration
}

// Admit returns an admission.OverloadError if so much is queued that a submission of a tenant is refused. It asks
// nothing, and is to be called before a transaction begins. Errors are also those of Limits.Check, and
// retention.ErrBounds.
func (c *Client) Admit(t identity.TenantID, s Submission) error {
	if err := c.limits.Check(s.A.Matrix.Shape(), s.B.Matrix.Shape(), s.MaxBytes); err != nil {
		return err
	}
	if err := c.CheckRetention(s.Retention); err != nil {
		return err
	}
	return c.gate.Check(t, queueOf(planOf(s)))
}

// CheckRetention returns retention.ErrBounds for one that a request may not ask for; 0 is none.
func (c *Client) CheckRetention(d time.Duration) error {
	return retention.Check(d, max(c.limits.MaxRetention, c.store.Retention))
}

// AdmitAny returns an admission.OverloadError if whatever a tenant submits is refused.
func (c *Client) AdmitAny(t identity.TenantID) error { return c.gate.CheckAny(t) }

// Check returns matrix.ErrShape when the product of a and b is not defined, and matrix.ErrTooLarge when one of the
// three matrices, random ones too, has more than maxBytes, if that is positive, or when the multiplication exceeds a
// limit.
func (l Limits) Check(a, b matrix.Shape, maxBytes int64) error {
	return admission.Fits(a, b, maxBytes, cmp.Or(l.MaxTiles, DefaultMaxTiles))
}

// queueOf returns the queue of a multiplication's jobs.
func queueOf(plan matrix.Plan) string {
	if plan.Small() {
		return queue.Small
	}
	return queue.Tiles
}

package jobs

import (
	"context"
	"time"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/inline"
	"github.com/millrace/millrace/store/quota"
)

const (
	// quotaInterval is how often a process that serves clients reads the quotas of tenants, and sums up what is queued.
	quotaInterval = time.Second
	// quotaTimeout bounds that.
	quotaTimeout = 10 * time.Second
)

// Quotas returns what knows the quotas of tenants.
func (c *Client) Quotas() *quota.Keeper { return c.quotas }

// replicas returns how many processes serve clients.
func (c *Client) replicas(ctx context.Context) (int, error) {
	leases, err := c.queue.Leases(ctx)
	return int(leases.Processes - leases.Workers), err
}

// refreshQuotas reads the quotas.
func (c *Client) refreshQuotas(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quotaTimeout)
	defer cancel()
	if err := c.quotas.Refresh(ctx); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "reading the quotas of tenants; those that were read before stay", "error", err)
	}
}

// admit reserves room in a tenant's quota of queued work for an inline multiplication. Errors: quota.Error.
func (c *Client) admit(i inline.Multiplication) error {
	return c.quotas.Admit(i.TenantID, costOf(i))
}

// giveBack is for an inline multiplication that was admitted and then not accepted.
func (c *Client) giveBack(i inline.Multiplication) { _ = c.quotas.Admit(i.TenantID, -costOf(i)) }

func costOf(i inline.Multiplication) float64 {
	return quota.CostOfInline(matrix.FLOPs(i.M, i.K, i.N), 1)
}

// acceptWithin accepts those offers for which their tenants have room in their quotas.
func (c *Client) acceptWithin(ctx context.Context, offers []queue.Offer) []error {
	errs := make([]error, len(offers))
	var admitted []queue.Offer
	var at []int
	for n, o := range offers {
		if errs[n] = c.admit(o.Multiplication); errs[n] == nil {
			admitted = append(admitted, o)
			at = append(at, n)
		}
	}
	for n, err := range c.acceptor.Accept(ctx, admitted...) {
		errs[at[n]] = err
		if err != nil {
			c.giveBack(admitted[n].Multiplication)
		}
	}
	return errs
}

package jobs

import (
	"context"
	"time"

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

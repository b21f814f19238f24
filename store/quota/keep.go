package quota

import (
	"context"
	"time"
)

// Interval is how often a process that serves clients is to call Keep.
const Interval = time.Second

// refreshTimeout bounds reading the quotas.
const refreshTimeout = 10 * time.Second

// Keep does what Refresh does. If it fails, what was read before stays.
func (k *Keeper) Keep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	if err := k.Refresh(ctx); err != nil && ctx.Err() == nil {
		k.log.WarnContext(ctx, "reading the quotas of tenants; those that were read before stay", "error", err)
	}
}

package quota

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/identity"
)

// CheckStored returns an Error if a tenant has no room for so many more bytes of matrices now. It reserves nothing: it
// is for what would be refused by CheckTx, after it was received.
func (k *Keeper) CheckStored(ctx context.Context, t identity.TenantID, more int64) error {
	limit := float64(k.Limits(t).StoredBytes)
	if limit == 0 {
		return nil
	}
	used, err := k.db.SumStored(ctx, t)
	if err != nil {
		return fmt.Errorf("adding up a quota: %w", err)
	}
	return storedError(limit, used+float64(more))
}

// storedError returns an Error if more is stored than a limit.
func storedError(limit, used float64) error {
	if used <= limit {
		return nil
	}
	return &Error{
		Quota: StoredBytes,
		Limit: limit,
		Used:  used,
		Retry: storedRetry,
	}
}

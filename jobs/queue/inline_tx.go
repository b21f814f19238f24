package queue

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// AcceptTx is Accept for offers without keys and bundles without jobs, in a transaction of the caller. It reports
// false, and has written nothing, if a process of a version runs that does not know of inline multiplications.
// Workers are woken after the commit.
func (c *Client) AcceptTx(ctx context.Context, tx *store.Tx, a Acceptance) (known bool, err error) {
	accepted, err := db.New(tx.Pgx()).InsertBundles(ctx, c.bundleParams(a))
	if err != nil {
		return false, fmt.Errorf("accepting multiplications: %w", err)
	}
	if len(accepted) == 0 {
		return false, nil
	}
	tx.AfterCommit(func() { c.Wake(Small) })
	return true, nil
}

// since returns the schema version from which on processes understand the inline multiplications.
func (a Acceptance) since() int16 {
	for _, offers := range a.Offers {
		for _, o := range offers {
			if o.TenantID != identity.DefaultTenant {
				return inline.SinceTenants
			}
		}
	}
	return inline.Since
}

package queue

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// AcceptTx is Accept for offers without keys and bundles without jobs, in a transaction of the caller. It reports
// false, and has written nothing, if a process of a version runs that does not know of inline multiplications.
// Workers are woken after the commit.
func (c *Client) AcceptTx(ctx context.Context, tx *store.Tx, a Acceptance) (known bool, err error) {
	params := db.InsertBundlesParams{
		InlineSince: inline.Since,
		Retention:   c.store.Retention,
		Kind:        InlineKind,
		MaxAttempts: MaxAttempts,
		Queue:       Small,
	}
	for i, offers := range a.Offers {
		first := offers[0].ID // distinguishes the bundle
		params.Firsts = append(params.Firsts, first)
		params.Lasts = append(params.Lasts, a.Bundles[i].Last)
		params.Priorities = append(params.Priorities, offers[0].Priority)
		params.OpenJobs = append(params.OpenJobs, 0)
		for _, o := range offers {
			addOffer(&params, o, first)
		}
	}
	accepted, err := db.New(tx.Pgx()).InsertBundles(ctx, params)
	if err != nil {
		return false, fmt.Errorf("accepting multiplications: %w", err)
	}
	if len(accepted) == 0 {
		return false, nil
	}
	tx.AfterCommit(func() { c.Wake(Small) })
	return true, nil
}

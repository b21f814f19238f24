package measure

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/kernels"
	"github.com/millrace/millrace/store"
)

// Overview is what there is to do, and how many processes do it.
type Overview struct {
	Queues  []queue.Counts
	Active  map[identity.TenantID]store.Active
	Workers int64 // processes that compute tiles
	Kernels []kernels.Kind
}

// ReadOverview reads the state of the whole system. The cost grows with the multiplications that are not finished, up
// to a bound, and not with the finished ones.
func ReadOverview(ctx context.Context, q *queue.Client, s *store.Store) (Overview, error) {
	var o Overview
	var err error
	if o.Queues, err = q.Counts(ctx); err != nil {
		return o, err
	}
	if o.Active, err = s.CountActive(ctx); err != nil {
		return o, fmt.Errorf("counting the active multiplications: %w", err)
	}
	leases, err := q.Leases(ctx)
	if err != nil {
		return o, fmt.Errorf("counting the workers: %w", err)
	}
	o.Workers = leases.Workers
	o.Kernels, err = q.Kernels(ctx)
	return o, err
}

package jobs

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/store"
)

// Overview says what there is to do, and who does it.
type Overview struct {
	Queues  []store.CountQueuesRow // of all queues with tiles
	Active  store.CountActiveMultiplicationsRow
	Workers int64 // processes that compute tiles
}

// Overview looks at the whole system. The cost grows with the jobs that are not finished; that of the finished ones is none.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	var err error
	if o.Queues, err = c.store.CountQueues(ctx, []string{QueueSmall, QueueTiles}); err != nil {
		return o, fmt.Errorf("counting the queues: %w", err)
	}
	if o.Active, err = c.store.CountActiveMultiplications(ctx); err != nil {
		return o, fmt.Errorf("counting the active multiplications: %w", err)
	}
	if o.Workers, err = c.store.CountWorkers(ctx, c.config.Lease, maintenanceOnly); err != nil {
		return o, fmt.Errorf("counting the workers: %w", err)
	}
	return o, nil
}

package queue

import (
	"context"
	"fmt"
	"slices"
)

// paused returns the queues that were paused, in River UI or by another program. Maintenance does not stay paused: it
// deletes what has expired and what nothing owns, and a process that leads resumes it.
func (c *Client) paused(ctx context.Context) ([]string, error) {
	paused, err := c.db.ListPaused(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for paused queues: %w", err)
	}
	if !c.config.Lead || !slices.Contains(paused, Maintenance) {
		return paused, nil
	}
	if err := c.river.QueueResume(ctx, Maintenance, nil); err != nil {
		return nil, fmt.Errorf("resuming the queue %s: %w", Maintenance, err)
	}
	c.log.WarnContext(ctx, "resumed a queue that must not stay paused", "queue", Maintenance)
	return paused, nil
}

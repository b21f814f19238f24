package queue

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// compareSettings saves this process's settings beside its lease, and warns of each that other living processes have
// set differently. It is no error: during the rollout of a change there are both for a while.
func (c *Client) compareSettings(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(c.config.Settings)) {
		if err := c.db.SaveSetting(ctx, c.id, name, c.config.Settings[name]); err != nil {
			return fmt.Errorf("saving the setting %s: %w", name, err)
		}
	}
	others, err := c.db.ListOtherSettings(ctx, c.id, c.config.Lease)
	if err != nil {
		return fmt.Errorf("reading the settings of other processes: %w", err)
	}
	for _, other := range others {
		c.log.WarnContext(ctx, "this process is configured differently",
			"setting", other.Name,
			"value", c.config.Settings[other.Name],
			"others", other.Value,
			"process", other.Process,
			"processes", other.Processes,
		)
	}
	return nil
}

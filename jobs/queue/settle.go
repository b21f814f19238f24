package queue

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
)

// Stopped is the tile of an active multiplication whose job will not be worked any more.
type Stopped struct {
	Job     int64
	GroupID uuid.UUID
	Tile    int64
	Attempt int
	State   string // Discarded or Quarantined, or cancelled
	Message string // the last error, that of the attempt; empty when there was none
}

// Stopped returns up to limit stopped tiles of active multiplications, of those that were stopped within a time.
func (c *Client) Stopped(ctx context.Context, within time.Duration, limit int) ([]Stopped, error) {
	rows, err := c.db.ListStopped(ctx, db.ListStoppedParams{
		AttemptKey: errorAttempt,
		MessageKey: errorMessage,
		Since:      within,
		MaxCrashes: MaxCrashes,
		MaxRows:    int32(limit), //nolint:gosec // a batch
	})
	stopped := make([]Stopped, len(rows))
	for i, row := range rows {
		stopped[i] = Stopped{
			Job:     row.ID,
			GroupID: row.GroupID,
			Tile:    row.Tile,
			Attempt: int(row.Attempt),
			State:   row.State,
			Message: row.Message,
		}
	}
	return stopped, err
}

// IsStoppedTx reports whether a job is discarded or cancelled.
func (c *Client) IsStoppedTx(ctx context.Context, tx *store.Tx, job int64) (bool, error) {
	return db.New(tx.Pgx()).IsStopped(ctx, job)
}

// Unsettled returns up to limit groups whose multiplication is active although none of their jobs is still to be
// worked: people have deleted jobs, say.
func (c *Client) Unsettled(ctx context.Context, limit int) ([]Group, error) {
	rows, err := c.db.ListUnsettled(ctx, int32(limit)) //nolint:gosec // a batch
	groups := make([]Group, len(rows))
	for i, row := range rows {
		groups[i] = Group{
			ID:    row.ID,
			First: row.FirstJob,
			Last:  row.LastJob,
		}
	}
	return groups, err
}

// IsUnsettledTx reports whether no job of a group is still to be worked.
func (c *Client) IsUnsettledTx(ctx context.Context, tx *store.Tx, g Group) (bool, error) {
	unfinished, err := db.New(tx.Pgx()).ListUnfinished(ctx, g.ID)
	return len(unfinished) == 0, err
}

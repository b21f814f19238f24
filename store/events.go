package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// MultiplicationEvent is a row of table multiplication_events: one event in the life of a multiplication. The log
// lacks the submission and the completion, which the row of the multiplication tells.
type MultiplicationEvent struct {
	MultiplicationID uuid.UUID
	Seq              int64
	At               time.Time
	State            string
	TilesCompleted   int64
}

// Events returns what the log holds of each of several multiplications from the number in since on, at most limit
// each, in order.
func (all All) Events(ctx context.Context, ids []uuid.UUID, since []int64, limit int) ([]MultiplicationEvent, error) {
	rows, err := all.store.db.ListEvents(ctx, ids, since, int32(limit)) //nolint:gosec // a page
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	events := make([]MultiplicationEvent, len(rows))
	for i, row := range rows {
		events[i] = MultiplicationEvent(row)
	}
	return events, nil
}

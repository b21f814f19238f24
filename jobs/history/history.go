// Package history reads what has gone wrong with multiplications.
package history

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/jobs/queue"
)

// maxErrors is how many of the newest errors of a multiplication are read.
const maxErrors = 50

// Errors reads the errors of those multiplications that have some. The function sends a batch.
func Errors(
	ctx context.Context, send func(context.Context, *pgx.Batch) error, progress map[uuid.UUID]queue.Progress,
) (map[uuid.UUID][]queue.Error, error) {
	var failing []uuid.UUID
	for id, p := range progress {
		if p.Failures > 0 {
			failing = append(failing, id)
		}
	}
	if len(failing) == 0 {
		return nil, nil
	}
	var batch pgx.Batch
	errs := queue.BatchErrors(&batch, failing, maxErrors)
	if err := send(ctx, &batch); err != nil {
		return nil, fmt.Errorf("reading the errors of multiplications: %w", err)
	}
	return errs, nil
}

package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store/internal/db"
)

// batchesSince is the schema version from which on processes enqueue the tiles that have no job yet.
const batchesSince = 10

// KnowBatches reports whether each process that runs understands that the jobs of a multiplication are enqueued in
// batches.
func (tx *Tx) KnowBatches(ctx context.Context) (bool, error) {
	return tx.db.KnowBatches(ctx, batchesSince)
}

// AddJobBatch writes down that the next tiles of a multiplication have jobs, whose ids are from first to last, and
// returns the multiplication as it is then. Its row must be locked, or new.
func (tx *Tx) AddJobBatch(ctx context.Context, id uuid.UUID, tiles, first, last int64) (Multiplication, error) {
	row, err := tx.db.AddJobBatch(ctx, db.AddJobBatchParams{
		Tiles:    tiles,
		FirstJob: first,
		LastJob:  last,
		ID:       id,
	})
	return Multiplication(row), notFound(err, "multiplication", id)
}

// Starved returns up to limit active multiplications that have tiles without jobs, although at most few of their tiles
// with jobs are left.
func (s *Store) Starved(ctx context.Context, few int64, limit int) ([]uuid.UUID, error) {
	return s.db.ListStarved(ctx, few, int32(limit)) //nolint:gosec // a batch
}

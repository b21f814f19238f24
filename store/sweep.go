package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// sweepBatch is how many rows one statement of a sweep touches, so that none holds its locks for long.
const sweepBatch = 500

// Swept says what a sweep removed.
type Swept struct {
	Multiplications, Matrices, Keys, Orphans int64
}

// SweepExpired removes products whose time is over, then the matrices that nothing needs any more, and answers to requests
// that nobody will send again.
func (s *Store) SweepExpired(ctx context.Context) (swept Swept, err error) {
	swept.Multiplications, err = inBatches(func() (int64, error) { return s.DeleteExpiredMultiplications(ctx, sweepBatch) })
	if err != nil {
		return swept, fmt.Errorf("removing expired products: %w", err)
	}
	swept.Matrices, err = inBatches(func() (int64, error) {
		ids, err := s.DeleteExpiredMatrices(ctx, sweepBatch)
		if err != nil {
			return 0, err
		}
		return int64(len(ids)), s.deleteBlocksOf(ctx, ids)
	})
	if err != nil {
		return swept, fmt.Errorf("removing expired matrices: %w", err)
	}
	swept.Keys, err = inBatches(func() (int64, error) { return s.DeleteExpiredIdempotencyKeys(ctx, sweepBatch) })
	if err != nil {
		return swept, fmt.Errorf("removing expired keys: %w", err)
	}
	return swept, nil
}

// inBatches calls a function that does up to sweepBatch of something until there is no more to do, and counts.
func inBatches(batch func() (int64, error)) (int64, error) {
	var total int64
	for {
		n, err := batch()
		total += n
		if err != nil || n < sweepBatch {
			return total, err
		}
	}
}

// SweepOrphans removes blocks that no row owns: what is left of uploads and tiles whose process died, and of uploads whose
// content turned out to be there already.
func (s *Store) SweepOrphans(ctx context.Context) (Swept, error) {
	var swept Swept
	var after uuid.UUID
	for {
		owners, err := s.Blocks.Owners(ctx, after, sweepBatch)
		if err != nil || len(owners) == 0 {
			return swept, err
		}
		after = owners[len(owners)-1]
		orphaned, err := s.OrphanedOwners(ctx, owners)
		if err != nil {
			return swept, fmt.Errorf("looking for orphaned blocks: %w", err)
		}
		if err := s.deleteBlocksOf(ctx, orphaned); err != nil {
			return swept, err
		}
		swept.Orphans += int64(len(orphaned))
	}
}

func (s *Store) deleteBlocksOf(ctx context.Context, ids []uuid.UUID) error {
	for _, id := range ids {
		if err := s.Blocks.Delete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

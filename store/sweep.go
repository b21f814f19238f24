package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// sweepBatch is how many rows one statement of a sweep touches, so that it does not hold its locks for long.
const sweepBatch = 500

// Swept counts what a sweep deleted.
type Swept struct {
	Multiplications int64
	Matrices        int64
	Keys            int64
	Orphans         int64 // matrices without a row that had blocks
}

// SweepExpired deletes expired multiplications, then the expired matrices that no multiplication needs, and expired
// idempotency keys.
func (s *Store) SweepExpired(ctx context.Context) (swept Swept, err error) {
	swept.Multiplications, err = inBatches(func() (int64, error) {
		return s.db.DeleteExpiredMultiplications(ctx, sweepBatch)
	})
	if err != nil {
		return swept, fmt.Errorf("deleting expired multiplications: %w", err)
	}
	swept.Matrices, err = inBatches(func() (int64, error) {
		ids, err := s.db.DeleteExpiredMatrices(ctx, sweepBatch)
		if err != nil {
			return 0, err
		}
		return int64(len(ids)), s.deleteBlocksOf(ctx, ids)
	})
	if err != nil {
		return swept, fmt.Errorf("deleting expired matrices: %w", err)
	}
	swept.Keys, err = inBatches(func() (int64, error) { return s.db.DeleteExpiredIdempotencyKeys(ctx, sweepBatch) })
	if err != nil {
		return swept, fmt.Errorf("deleting expired keys: %w", err)
	}
	return swept, nil
}

// inBatches calls batch, which deletes up to sweepBatch rows, until it deletes fewer, and returns how many it deleted.
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

// SweepOrphans deletes blocks that no row owns: what is left of uploads and tiles whose process died, and of uploads
// whose content was stored already.
func (s *Store) SweepOrphans(ctx context.Context) (Swept, error) {
	var swept Swept
	var after uuid.UUID
	for {
		owners, err := s.Blocks.Owners(ctx, after, sweepBatch)
		if err != nil || len(owners) == 0 {
			return swept, err
		}
		after = owners[len(owners)-1]
		orphaned, err := s.db.ListOrphans(ctx, owners)
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

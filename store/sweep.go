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
	Multiplications, Matrices, Orphans int64
}

// SweepExpired removes products whose time is over, and then the matrices that nothing needs any more.
func (s *Store) SweepExpired(ctx context.Context) (Swept, error) {
	var swept Swept
	for {
		n, err := s.DeleteExpiredMultiplications(ctx, sweepBatch)
		swept.Multiplications += n
		if err != nil {
			return swept, fmt.Errorf("removing expired products: %w", err)
		}
		if n < sweepBatch {
			break
		}
	}
	for {
		ids, err := s.DeleteExpiredMatrices(ctx, sweepBatch)
		swept.Matrices += int64(len(ids))
		if err != nil {
			return swept, fmt.Errorf("removing expired matrices: %w", err)
		}
		if err := s.deleteBlocksOf(ctx, ids); err != nil {
			return swept, err
		}
		if len(ids) < sweepBatch {
			return swept, nil
		}
	}
}

// SweepOrphans removes blocks that no row owns: what is left of uploads and tiles whose process died.
func (s *Store) SweepOrphans(ctx context.Context) (Swept, error) {
	var swept Swept
	var after uuid.UUID
	for {
		owners, err := s.Blocks.Owners(ctx, after, sweepBatch)
		if err != nil || len(owners) == 0 {
			return swept, err
		}
		after = owners[len(owners)-1]
		missing, err := s.MissingMatrices(ctx, owners)
		if err != nil {
			return swept, fmt.Errorf("looking for orphaned blocks: %w", err)
		}
		if err := s.deleteBlocksOf(ctx, missing); err != nil {
			return swept, err
		}
		swept.Orphans += int64(len(missing))
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

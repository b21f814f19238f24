package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millrace/millrace/store/inline"
)

const (
	// sweepBatch is how many rows one statement of a sweep touches, so that it does not hold its locks for long.
	sweepBatch = 500
	// matrixBatch is how many rows of matrices are deleted before their blocks: what a sweep that is ended does not get
	// to becomes orphans.
	matrixBatch = 50
	// maxOrphanShare is the largest share of all matrices with blocks that a sweep takes for orphans without being told
	// to.
	maxOrphanShare = 0.25
	// minOrphans is the number of orphans that is never too large a share.
	minOrphans = 64
)

// ErrTooManyOrphans means that a sweep has found so many orphans that the block store is rather another installation's,
// or the database not the one to which it belongs.
var ErrTooManyOrphans = errors.New("too large a share of the block store has no row in this database")

// Swept counts what a sweep deleted.
type Swept struct {
	Multiplications int64
	Matrices        int64
	Keys            int64
	Orphans         int64 // matrices without a row that had blocks
}

// SweepExpired deletes expired multiplications, then the expired matrices that no multiplication needs, and expired
// idempotency keys and uploads. An error of one part keeps it from none of the others.
func (s *Store) SweepExpired(ctx context.Context) (swept Swept, err error) {
	var errs [5]error
	swept.Multiplications, errs[0] = inBatches(ctx, sweepBatch, func() (int64, error) {
		return s.db.DeleteExpiredMultiplications(ctx, sweepBatch)
	})
	inline, err := s.sweepInline(ctx)
	swept.Multiplications += inline
	errs[3] = err
	swept.Matrices, errs[1] = s.sweepMatrices(ctx)
	swept.Keys, errs[2] = inBatches(ctx, sweepBatch, func() (int64, error) {
		return s.db.DeleteExpiredIdempotencyKeys(ctx, sweepBatch)
	})
	_, errs[4] = inBatches(ctx, sweepBatch, func() (int64, error) { return s.db.DeleteExpiredUploads(ctx, sweepBatch) })
	for i, what := range []string{"multiplications", "matrices", "keys", "inline multiplications", "uploads"} {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("deleting expired %s: %w", what, errs[i])
		}
	}
	return swept, errors.Join(errs[:]...)
}

// inlineBatch is how many inline multiplications one statement deletes.
const inlineBatch = 5000

// sweepInline deletes expired inline multiplications.
func (s *Store) sweepInline(ctx context.Context) (int64, error) {
	before := inline.FirstID(time.Now().Add(-s.Retention))
	return inBatches(ctx, inlineBatch, func() (int64, error) {
		return s.db.DeleteExpiredInline(ctx, before, s.Retention, inlineBatch)
	})
}

// sweepMatrices deletes expired matrices and their blocks. Blocks that cannot be deleted are orphans from now on.
func (s *Store) sweepMatrices(ctx context.Context) (int64, error) {
	var failed error
	n, err := inBatches(ctx, matrixBatch, func() (int64, error) {
		ids, err := s.deleteExpired(ctx)
		if err != nil {
			return 0, err
		}
		failed = errors.Join(failed, each(ctx, ids, s.Blocks.Delete))
		return int64(len(ids)), ctx.Err()
	})
	return n, errors.Join(err, failed)
}

// deleteExpired deletes the rows of some expired matrices. A reference that was committed between the look and the
// deletion fails the statement; the next look sees it.
func (s *Store) deleteExpired(ctx context.Context) (ids []uuid.UUID, err error) {
	const attempts = 5
	for range attempts {
		ids, err = s.db.DeleteExpiredMatrices(ctx, matrixBatch)
		var violation *pgconn.PgError
		if !errors.As(err, &violation) || violation.Code != "23503" { // foreign key
			return ids, err
		}
	}
	return ids, err
}

// inBatches calls batch, which deletes up to size rows, until it deletes fewer, and returns how many it deleted.
// Between two batches it pauses for as long as one took: what is expired can wait, and the queue cannot.
func inBatches(ctx context.Context, size int64, batch func() (int64, error)) (int64, error) {
	var total int64
	for {
		began := time.Now()
		n, err := batch()
		total += n
		if err != nil || n < size {
			return total, err
		}
		select {
		case <-ctx.Done():
			return total, ctx.Err()
		case <-time.After(time.Since(began)):
		}
	}
}

// each calls do for each id, whatever becomes of the others, and returns all errors.
func each(ctx context.Context, ids []uuid.UUID, do func(context.Context, uuid.UUID) error) error {
	var errs []error
	for _, id := range ids {
		if err := do(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// SweepOrphans deletes blocks that no row owns: what is left of uploads and tiles whose process died, and of uploads
// whose content was stored already. The block store may keep them in a trash for a while. Errors: ErrTooManyOrphans,
// and nothing is deleted then.
func (s *Store) SweepOrphans(ctx context.Context) (swept Swept, err error) {
	var orphans []uuid.UUID
	total := 0
	err = s.Blocks.Owners(ctx, func(owners []uuid.UUID) error {
		total += len(owners)
		found, err := s.db.ListOrphans(ctx, s.aged(owners))
		orphans = append(orphans, found...)
		return err
	})
	if err != nil {
		return swept, fmt.Errorf("looking for orphaned blocks: %w", err)
	}
	if n := len(orphans); !s.SweepAll && n > max(minOrphans, int(maxOrphanShare*float64(total))) {
		return swept, fmt.Errorf("%w: %d of %d matrices; none was deleted. See 'Orphans are kept' in the runbook",
			ErrTooManyOrphans, n, total)
	}
	err = each(ctx, orphans, func(ctx context.Context, id uuid.UUID) error {
		err := s.Blocks.Discard(ctx, id)
		if err == nil {
			swept.Orphans++
		}
		return err
	})
	return swept, errors.Join(err, s.Blocks.EmptyTrash(ctx))
}

// aged returns those of the ids that are old enough for orphans. An id says when it was made; others than those of
// NewID are not ours.
func (s *Store) aged(ids []uuid.UUID) []uuid.UUID {
	aged := make([]uuid.UUID, 0, len(ids))
	before := time.Now().Add(-s.OrphanAge)
	for _, id := range ids {
		if id.Version() == 7 && time.Unix(id.Time().UnixTime()).Before(before) {
			aged = append(aged, id)
		}
	}
	return aged
}

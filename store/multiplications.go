package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/internal/db"
	"github.com/millrace/millrace/store/objects"
)

// Multiplication is a row of table multiplications. Package jobs says what its states mean and which may follow which.
type Multiplication struct {
	ID             uuid.UUID
	A              uuid.UUID // the left operand
	B              uuid.UUID // the right operand
	C              uuid.UUID // the result
	Priority       int16
	State          string
	M              int64 // A is m×k, B is k×n, C is m×n
	K              int64
	N              int64
	DType          matrix.DType // of the result
	TileRows       int64
	TileCols       int64
	TilesTotal     int64
	TilesCompleted int64
	FirstJob       int64 // smallest id of its jobs
	LastJob        int64 // largest id of its jobs; less than FirstJob when it has none
	Failure        *string
	CreatedAt      time.Time
	StartedAt      *time.Time
	FinishedAt     *time.Time // set exactly while the state is an outcome
	ExpiresAt      time.Time
	Events         int64 // the number of its newest event; the submission is number 1
	TilesUnqueued  int64 // the last ones, which have no job yet
	Batched        bool  // its jobs are enqueued in batches
	TenantID       identity.TenantID
	TileDepth      int64          // columns of A and rows of B in a part of a tile; 0: tiles have no parts
	Retention      *time.Duration // of its own
	Output         *objects.Output
	Webhook        *string // the url that its submission names
	ReuseKey       []byte  // see package reuse; nil: its result is not to be reused
	Reused         bool    // it has the result of an earlier one
}

// Plan returns how the result is cut into tiles.
func (m Multiplication) Plan() matrix.Plan {
	return matrix.Plan{
		M:         m.M,
		K:         m.K,
		N:         m.N,
		TileRows:  m.TileRows,
		TileCols:  m.TileCols,
		TileDepth: m.TileDepth,
	}
}

// ResultShape returns the shape of the result.
func (m Multiplication) ResultShape() matrix.Shape { return m.Plan().ResultShape(m.DType) }

// Finished reports whether the multiplication has an outcome.
func (m Multiplication) Finished() bool { return m.FinishedAt != nil }

// MultiplicationDetail is a multiplication with the types of its operands, whose shapes follow from its dimensions.
type MultiplicationDetail struct {
	Multiplication
	ADType matrix.DType
	BDType matrix.DType
}

// Multiplications returns those of the given multiplications that exist, in any order.
func (all All) Multiplications(ctx context.Context, ids []uuid.UUID) ([]Multiplication, error) {
	records := make([]Multiplication, 0, len(ids))
	rest := make([]uuid.UUID, 0, len(ids))
	small, err := all.store.inline(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading multiplications: %w", err)
	}
	for _, id := range ids {
		if i, ok := small[id]; ok {
			records = append(records, NewInline(i, all.store.Retention))
		} else {
			rest = append(rest, id)
		}
	}
	if len(rest) == 0 {
		return records, nil
	}
	rows, err := all.store.db.ListMultiplications(ctx, rest)
	if err != nil {
		return nil, fmt.Errorf("reading multiplications: %w", err)
	}
	for _, row := range rows {
		records = append(records, Multiplication(row))
	}
	return records, nil
}

// BatchDetails adds to a batch the reading of those of the given multiplications that exist and are of their tenant.
// They are in the returned slice, in any order, after the batch was sent.
func BatchDetails(batch *pgx.Batch, owned []identity.Owned) *[]MultiplicationDetail {
	details := new([]MultiplicationDetail)
	ids := identity.IDs(owned)
	wanted := identity.Among(owned)
	batch.Queue(db.ListMultiplicationDetails, ids).Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		found, err := db.New(database.NewSent(rows)).ListMultiplicationDetails(context.Background(), ids)
		for _, row := range found {
			if m := row.Multiplication; wanted(identity.Owned{Tenant: m.TenantID, ID: m.ID}) {
				*details = append(*details, MultiplicationDetail{
					Multiplication: Multiplication(m),
					ADType:         row.ADType,
					BDType:         row.BDType,
				})
			}
		}
		return err
	})
	return details
}

// MultiplicationWithMatrices is what a tile needs.
type MultiplicationWithMatrices struct {
	Multiplication Multiplication
	A              Matrix
	B              Matrix
	C              Matrix
}

// MultiplicationWithMatrices returns a multiplication with its operands and its result, unless it is inline. Errors:
// ErrNotFound.
func (all All) MultiplicationWithMatrices(ctx context.Context, id uuid.UUID) (MultiplicationWithMatrices, error) {
	row, err := all.store.db.GetMultiplicationWithMatrices(ctx, id)
	if err != nil {
		return MultiplicationWithMatrices{}, NotFound(err, "multiplication", id)
	}
	return MultiplicationWithMatrices{
		Multiplication: Multiplication(row.Multiplication),
		A:              newMatrix(row.Matrix),
		B:              newMatrix(row.Matrix_2),
		C:              newMatrix(row.Matrix_3),
	}, nil
}

// StartMultiplication moves a pending multiplication to in_progress, and reports whether it was pending.
func (all All) StartMultiplication(ctx context.Context, id uuid.UUID) (bool, error) {
	n, err := all.store.db.StartMultiplication(ctx, id)
	return n > 0, err
}

// Active counts the multiplications of a tenant that are not finished.
type Active struct {
	Pending    int64
	InProgress int64
}

// maxInlineCounted is how many inline multiplications are counted at most.
const maxInlineCounted = 100_000

// CountActive counts the multiplications of each tenant that are not finished.
func (s *Store) CountActive(ctx context.Context) (map[identity.TenantID]Active, error) {
	rows, err := s.db.CountActiveMultiplications(ctx, maxInlineCounted)
	counts := make(map[identity.TenantID]Active, len(rows))
	for _, row := range rows {
		counts[row.TenantID] = Active{Pending: row.Pending, InProgress: row.InProgress}
	}
	return counts, err
}

// TileCosts returns the mean floating-point operations of a tile of each of the given multiplications that exist.
func (all All) TileCosts(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]float64, error) {
	rows, err := all.store.db.ListTileCosts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading the costs of tiles: %w", err)
	}
	costs := make(map[uuid.UUID]float64, len(rows))
	for _, row := range rows {
		costs[row.ID] = row.Flops
	}
	return costs, nil
}

// insertMultiplication writes the row of a new multiplication and returns it as it is then, with its times.
func (tx *Tx) insertMultiplication(ctx context.Context, m Multiplication) (Multiplication, error) {
	row, err := tx.db.InsertMultiplication(ctx, db.InsertMultiplicationParams{
		ID:            m.ID,
		TenantID:      m.TenantID,
		A:             m.A,
		B:             m.B,
		C:             m.C,
		Priority:      m.Priority,
		State:         m.State,
		M:             m.M,
		K:             m.K,
		N:             m.N,
		DType:         m.DType,
		TileRows:      m.TileRows,
		TileCols:      m.TileCols,
		TileDepth:     m.TileDepth,
		TilesTotal:    m.TilesTotal,
		TilesUnqueued: m.TilesUnqueued,
		Batched:       m.Batched,
		FirstJob:      m.FirstJob,
		LastJob:       m.LastJob,
		StartedAt:     m.StartedAt,
		FinishedAt:    m.FinishedAt,
		Output:        m.Output,
		ReuseKey:      m.ReuseKey,
		Retention:     tx.store.Retention,
	})
	return Multiplication(row), err
}

// LockMultiplication returns a multiplication, whose row stays locked until the end of the transaction. The row of a
// multiplication is locked before those of its jobs, so that transactions do not deadlock. Errors: ErrNotFound.
func (tx *Tx) LockMultiplication(ctx context.Context, id uuid.UUID) (Multiplication, error) {
	row, err := tx.db.LockMultiplication(ctx, id)
	return Multiplication(row), NotFound(err, "multiplication", id)
}

// CountTile counts one more tile of an active multiplication as completed, and returns the multiplication as it is
// then. It reports false when there is none of that id that is active.
func (tx *Tx) CountTile(ctx context.Context, id uuid.UUID, startedAt *time.Time) (Multiplication, bool, error) {
	row, err := tx.db.CountTile(ctx, startedAt, tx.store.Retention, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Multiplication{}, false, nil
	}
	return Multiplication(row), err == nil, err
}

// EndMultiplication moves an active multiplication to failed or cancelled, and reports whether it was active. An
// empty failure is none.
func (tx *Tx) EndMultiplication(ctx context.Context, id uuid.UUID, state, failure string) (bool, error) {
	params := db.EndMultiplicationParams{
		ID:        id,
		State:     state,
		Retention: tx.store.Retention,
	}
	if failure != "" {
		params.Failure = &failure
	}
	n, err := tx.db.EndMultiplication(ctx, params)
	return n > 0, err
}

// ReopenMultiplication makes a failed or cancelled multiplication active again, and reports whether it was one of
// these.
func (tx *Tx) ReopenMultiplication(ctx context.Context, id uuid.UUID) (bool, error) {
	n, err := tx.db.ReopenMultiplication(ctx, tx.store.Retention, id)
	return n > 0, err
}

// RestoreTiles widens the range of the jobs of a multiplication, and sets how many of its tiles are counted.
func (tx *Tx) RestoreTiles(ctx context.Context, id uuid.UUID, counted, firstJob, lastJob int64) error {
	return tx.db.RestoreTiles(ctx, db.RestoreTilesParams{
		TilesCompleted: counted,
		FirstJob:       firstJob,
		LastJob:        lastJob,
		ID:             id,
	})
}

// DeleteMultiplication deletes the row of a finished multiplication, and reports whether there was one.
func (tx *Tx) DeleteMultiplication(ctx context.Context, id uuid.UUID) (bool, error) {
	n, err := tx.db.DeleteMultiplication(ctx, id)
	return n > 0, err
}

// The schema versions from which on processes enqueue the tiles that have no job yet, and compute parts of tiles.
const (
	batchesSince = 10
	partsSince   = 17
)

// AddJobBatch writes down that the next tiles of a multiplication have jobs, whose ids are from first to last, and
// returns the multiplication as it is then. Its row must be locked, or new.
func (tx *Tx) AddJobBatch(ctx context.Context, id uuid.UUID, tiles, first, last int64) (Multiplication, error) {
	row, err := tx.db.AddJobBatch(ctx, db.AddJobBatchParams{
		Tiles:    tiles,
		FirstJob: first,
		LastJob:  last,
		ID:       id,
	})
	return Multiplication(row), NotFound(err, "multiplication", id)
}

// Starved returns up to limit active multiplications that have tiles without jobs, although at most few of their tiles
// with jobs are left.
func (s *Store) Starved(ctx context.Context, few int64, limit int) ([]uuid.UUID, error) {
	return s.db.ListStarved(ctx, few, int32(limit)) //nolint:gosec // a batch
}

package jobs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// The priorities of a product, from the most urgent to the least, and that of one whose client sets none.
const (
	MinPriority     = 1
	MaxPriority     = 4
	DefaultPriority = 2
)

const (
	// maxTiles is the size of the largest product in tiles: all of them are queued in one transaction.
	maxTiles = 200_000
	// maxTileReads is how many elements of its operands one tile may read. Tiles are not cut along the inner dimension; with
	// one that is longer than about 10⁹ a tile would not end within tileTimeout.
	maxTileReads = 1 << 36
)

// Operand is one side of a product: a matrix that is in the database, or one whose row is to be written with the
// product's.
type Operand struct {
	Matrix store.Matrix
	Stored bool
	Upload *store.Upload // that has brought the matrix and is closed
}

// WriteTx writes the row of a matrix that is not in the database yet.
func (o Operand) WriteTx(ctx context.Context, q *store.Queries, retention time.Duration) (store.Matrix, error) {
	if o.Upload != nil {
		return o.Upload.FinishTx(ctx, q)
	}
	return q.Insert(ctx, o.Matrix, retention)
}

// Submission is an order for a product.
type Submission struct {
	A, B     Operand
	Priority int      // MinPriority to MaxPriority
	MaxBytes int64    // of the result; 0 means no limit
	AnswerTx AnswerTx // may be nil
}

// CheckShapes returns matrix.ErrShape when the product of a and b is not defined, and matrix.ErrTooLarge when it has more
// than maxBytes, if that is positive, or is more than Millrace takes on.
func CheckShapes(a, b matrix.Shape, maxBytes int64) error {
	if a.Cols != b.Rows {
		return fmt.Errorf("%w: a is %d×%d and b is %d×%d, the columns of a must equal the rows of b",
			matrix.ErrShape, a.Rows, a.Cols, b.Rows, b.Cols)
	}
	result := matrix.Shape{Rows: a.Rows, Cols: b.Cols, DType: matrix.Promote(a.DType, b.DType)}
	if err := result.Validate(maxBytes); err != nil {
		return fmt.Errorf("the product: %w", err)
	}
	plan := matrix.NewPlan(a.Rows, a.Cols, b.Cols)
	if plan.Tiles() > maxTiles {
		return fmt.Errorf("%w: the product would take %d tiles, at most %d are allowed", matrix.ErrTooLarge, plan.Tiles(), maxTiles)
	}
	sides := min(plan.TileRows, plan.M) + min(plan.TileCols, plan.N)
	if plan.Tiles() > 0 && plan.K > maxTileReads/sides {
		return fmt.Errorf("%w: the inner dimension is %d, at most %d are allowed in a product of this shape",
			matrix.ErrTooLarge, plan.K, maxTileReads/sides)
	}
	return nil
}

// Submit accepts a product: one transaction writes its row, the rows of operands that are not stored yet, and its jobs. It
// returns the status of the moment, before anybody has worked.
// Errors: those of CheckShapes, and store.ErrNotFound or store.ErrNotReady for an operand that is not there any more.
func (c *Client) Submit(ctx context.Context, s Submission) (store.Status, error) {
	if err := CheckShapes(s.A.Matrix.Shape(), s.B.Matrix.Shape(), s.MaxBytes); err != nil {
		return store.Status{}, err
	}
	p := newMultiplication(s)
	p.Retention = c.store.Retention
	var status store.Status
	err := c.store.InTx(ctx, func(tx pgx.Tx, q *store.Queries) error {
		if err := c.writeMatricesTx(ctx, q, s, p); err != nil {
			return err
		}
		if err := c.insertTilesTx(ctx, tx, &p); err != nil {
			return err
		}
		row, err := q.InsertMultiplication(ctx, p)
		if err != nil {
			return err
		}
		status = newStatus(row, s.A.Matrix, s.B.Matrix)
		if s.AnswerTx == nil {
			return nil
		}
		return s.AnswerTx(ctx, q, status)
	})
	if err != nil {
		return store.Status{}, fmt.Errorf("submitting: %w", err)
	}
	accepted := status.Multiplication
	c.metrics.submission(accepted)
	if accepted.TilesTotal > 0 {
		c.wake(QueueOf(accepted.Plan()))
	}
	return status, nil
}

// newStatus is the status of a product on which nobody has worked.
func newStatus(p store.Multiplication, a, b store.Matrix) store.Status {
	return store.Status{ListStatusesRow: store.ListStatusesRow{
		Multiplication: p, ARows: a.Rows, ACols: a.Cols, ADType: a.DType, BRows: b.Rows, BCols: b.Cols, BDType: b.DType,
	}}
}

// newMultiplication plans a product. One without elements is complete as soon as it is submitted.
func newMultiplication(s Submission) store.InsertMultiplicationParams {
	a, b := s.A.Matrix, s.B.Matrix
	plan := matrix.NewPlan(a.Rows, a.Cols, b.Cols)
	p := store.InsertMultiplicationParams{
		ID: store.NewID(), A: a.ID, B: b.ID, C: store.NewID(),
		Priority: int16(s.Priority), //nolint:gosec // 1 to 4
		State:    store.Pending,
		M:        plan.M, K: plan.K, N: plan.N, DType: matrix.Promote(a.DType, b.DType),
		TileRows: plan.TileRows, TileCols: plan.TileCols, TilesTotal: plan.Tiles(), LastJob: -1,
	}
	if p.TilesTotal == 0 {
		now := time.Now()
		p.State, p.StartedAt, p.FinishedAt = store.Completed, &now, &now
	}
	return p
}

// writeMatricesTx writes the rows of the product's matrices and keeps those that are there already from expiring.
func (c *Client) writeMatricesTx(ctx context.Context, q *store.Queries, s Submission, p store.InsertMultiplicationParams) error {
	var stored []uuid.UUID
	operands := []Operand{s.A, s.B}
	// In one order everywhere: uploads of the same two contents must not wait for each other.
	slices.SortFunc(operands, func(x, y Operand) int { return bytes.Compare(x.Matrix.Digest, y.Matrix.Digest) })
	for _, o := range operands {
		if o.Stored {
			stored = append(stored, o.Matrix.ID)
		} else if _, err := o.WriteTx(ctx, q, c.store.Retention); err != nil {
			return err
		}
	}
	if len(stored) > 0 {
		if err := c.keepMatricesTx(ctx, q, stored); err != nil {
			return err
		}
	}
	_, err := q.Insert(ctx, productMatrix(p), c.store.Retention)
	return err
}

func (c *Client) keepMatricesTx(ctx context.Context, q *store.Queries, ids []uuid.UUID) error {
	found, err := q.LockReadyMatrices(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.Contains(found, id) {
			return fmt.Errorf("matrix %s: %w", id, store.ErrNotFound)
		}
	}
	return q.KeepMatrices(ctx, c.store.Retention, ids)
}

func planOf(p store.InsertMultiplicationParams) matrix.Plan {
	return matrix.Plan{M: p.M, K: p.K, N: p.N, TileRows: p.TileRows, TileCols: p.TileCols}
}

// productMatrix is the row of the result: in blocks, unless one small tile is all of it.
func productMatrix(p store.InsertMultiplicationParams) store.Matrix {
	c := store.Matrix{
		ID: p.C, Rows: p.M, Cols: p.N, DType: p.DType, Source: store.FromProduct, State: store.Uploading,
	}
	if p.State == store.Completed {
		c.State, c.Digest = store.Ready, store.Digest(c.Shape(), nil)
	}
	if p.TilesTotal > 1 || c.Shape().Bytes() > store.MaxInline {
		grid := planOf(p).Grid()
		c.BlockRows, c.BlockCols = grid.BlockRows, grid.BlockCols
	}
	return c
}

// QueueOf returns the queue in which the tiles of a product are.
func QueueOf(plan matrix.Plan) string {
	if plan.Small() {
		return QueueSmall
	}
	return QueueTiles
}

// tileMetadata is what a job tells about its product, to people and to programs that search River's jobs.
type tileMetadata struct {
	MultiplicationID uuid.UUID `json:"multiplication_id"`
	Product          string    `json:"product"`
}

// tileOpts says how the tiles of a product are queued. Their tag is the product's id: by it River UI finds them.
func tileOpts(p store.InsertMultiplicationParams) (*river.InsertOpts, error) {
	metadata, err := json.Marshal(tileMetadata{
		MultiplicationID: p.ID, Product: fmt.Sprintf("%d×%d times %d×%d, %s", p.M, p.K, p.K, p.N, p.DType),
	})
	return &river.InsertOpts{
		Queue: QueueOf(planOf(p)), Priority: int(p.Priority), MaxAttempts: maxAttempts,
		Tags: []string{p.ID.String()}, Metadata: metadata,
	}, err
}

// insertTilesTx queues one job per tile and notes the range of their ids in p.
func (c *Client) insertTilesTx(ctx context.Context, tx pgx.Tx, p *store.InsertMultiplicationParams) error {
	if p.TilesTotal == 0 {
		return nil
	}
	opts, err := tileOpts(*p)
	if err != nil {
		return err
	}
	params := make([]river.InsertManyParams, p.TilesTotal)
	for i := range params {
		params[i] = river.InsertManyParams{Args: TileArgs{MultiplicationID: p.ID, Tile: int64(i)}, InsertOpts: opts}
	}
	results, err := c.river.InsertManyTx(ctx, tx, params)
	if err != nil {
		return fmt.Errorf("queueing %d tiles: %w", len(params), err)
	}
	if len(results) != len(params) {
		return errors.New("the queue did not take all tiles")
	}
	p.FirstJob, p.LastJob = results[0].Job.ID, results[0].Job.ID
	for _, r := range results {
		p.FirstJob, p.LastJob = min(p.FirstJob, r.Job.ID), max(p.LastJob, r.Job.ID)
	}
	return nil
}

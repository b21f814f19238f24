package jobs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/parts"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
	"github.com/millrace/millrace/store/outputs"
	"github.com/millrace/millrace/store/retention"
	"github.com/millrace/millrace/store/reuse"
	"github.com/millrace/millrace/store/webhooks"
)

// Operand is one side of a submission: a matrix that is in the store, or one whose row is to be written with the
// multiplication's.
type Operand struct {
	Matrix store.Matrix
	Stored bool
	Upload *store.Upload // that has received the matrix and is closed
}

// WriteTx writes the row of a matrix that is not in the store yet.
func (o Operand) WriteTx(ctx context.Context, tx *store.TenantTx) (store.Matrix, error) {
	if o.Upload != nil {
		return o.Upload.FinishTx(ctx, tx.Tx())
	}
	if o.Matrix.Object != nil {
		if err := outputs.KnownTx(ctx, tx.Tx()); err != nil {
			return store.Matrix{}, err
		}
	}
	return tx.InsertMatrix(ctx, o.Matrix)
}

// Submission is a request for a multiplication.
type Submission struct {
	A        Operand
	B        Operand
	Priority int   // MinPriority to MaxPriority
	MaxBytes int64 // of each operand and of the result; 0 means no limit
	// Retention is how long the multiplication, its result, and the operands that come with it are kept after their last
	// use; 0: as long as other ones.
	Retention time.Duration
	// Output is where the result is written to, besides the block store; nil: nowhere.
	Output  *objects.Output
	Webhook string // the url of one that tells of it; empty: none is named
	Compute bool   // it is computed, also if an earlier one has its result
	// Own says that the priority counts among the tenant's own multiplications only, not against those of others.
	Own bool
}

// ErrOlderProcesses means that a multiplication with parts cannot be accepted yet.
var ErrOlderProcesses = parts.ErrOlderProcesses

// SubmitTx accepts a multiplication: it writes its row, the rows of operands that are not stored yet, and the jobs of
// its first tiles; the others follow as these are completed. Workers are woken after the commit. Whether too much is
// queued is for Admit. Errors: those of Limits.Check; blocks.ErrFull, and store.ErrNoSpace when there is no room for
// the result; store.ErrNotFound for an operand that the tenant does not have any more; ErrOlderProcesses;
// retention.ErrUnknown; outputs.ErrUnknown; quota.Error; those of webhooks.NameTx.
func (c *Client) SubmitTx(ctx context.Context, tx *store.TenantTx, s Submission) (Multiplication, error) {
	if err := c.limits.Check(s.A.Matrix.Shape(), s.B.Matrix.Shape(), s.MaxBytes); err != nil {
		return Multiplication{}, err
	}
	ctx, span := tracing.Start(ctx, "submit")
	m, err := c.submitTx(ctx, tx, s)
	measure.TraceSubmission(span, tx.ID(), m.row(), err)
	if err != nil {
		return Multiplication{}, fmt.Errorf("submitting: %w", err)
	}
	tx.Tx().AfterCommit(func() { c.countSubmission(ctx, m) })
	return m, nil
}

func (c *Client) submitTx(ctx context.Context, tx *store.TenantTx, s Submission) (Multiplication, error) {
	m := planned(s)
	m.Tenant = tx.ID()
	if s.Output != nil || s.A.Matrix.Object != nil || s.B.Matrix.Object != nil {
		if err := outputs.KnownTx(ctx, tx.Tx()); err != nil {
			return Multiplication{}, err
		}
	}
	if err := c.shareResultTx(ctx, tx, s, &m); err != nil {
		return Multiplication{}, err
	}
	if err := c.writeOperandsTx(ctx, tx, s); err != nil {
		return Multiplication{}, err
	}
	if !m.Reused {
		if err := parts.WriteResultTx(ctx, c.store, tx, m.row(), c.limits.MaxReserved); err != nil {
			return Multiplication{}, err
		}
	}
	accepted, err := c.enqueueTx(ctx, tx, m)
	if err == nil && s.Retention > 0 {
		err = setRetentionTx(ctx, tx, &accepted, s)
	}
	if err == nil && s.Webhook != "" {
		accepted.Webhook = &s.Webhook
		err = webhooks.NameTx(ctx, tx, accepted.ID, s.Webhook)
	}
	if err == nil && m.Reused { // told by the webhooks, too
		var row store.Multiplication
		row, err = reuse.CompleteTx(ctx, tx, m.ID, c.store.Retention)
		accepted = newMultiplication(row)
	}
	if err == nil {
		err = c.quotas.CheckTx(ctx, tx)
	}
	if err != nil {
		return Multiplication{}, err
	}
	accepted.A = m.A
	accepted.B = m.B
	return accepted, nil
}

// shareResultTx gives a new multiplication the result of an earlier one, if there is one and that is wanted. One in
// queue small costs less than the look for it; one with an output has a job in any case.
func (c *Client) shareResultTx(ctx context.Context, tx *store.TenantTx, s Submission, m *Multiplication) (err error) {
	if !c.limits.Reuse || m.Plan.Small() {
		return nil
	}
	m.reuseKey = reuse.Key(m.Tenant, s.A.Matrix, s.B.Matrix)
	if m.reuseKey != nil && !s.Compute && s.Output == nil {
		m.Reused, err = reuse.ShareTx(ctx, tx, m.C.ID, m.reuseKey, c.store.Retention)
	}
	return err
}

// enqueueTx writes the row of a new multiplication and enqueues its tiles: all of them if they are few, or if a process
// runs that would not enqueue the others; none if its result is there. The job that writes an output is enqueued when
// the others are counted.
func (c *Client) enqueueTx(ctx context.Context, tx *store.TenantTx, m Multiplication) (Multiplication, error) {
	var err error
	batched := m.Output != nil
	if m.TilesTotal > batchTiles && !m.Reused {
		batched, err = tx.Tx().KnowBatches(ctx)
	}
	switch {
	case err != nil:
		return m, err
	case batched:
		m.TilesUnqueued = m.TilesTotal
		m.Jobs.Last = -1
	case m.Reused:
		m.Jobs.Last = -1
	default:
		if m.Jobs, err = c.queue.EnqueueTx(ctx, tx.Tx(), m.ID, orderOf(m), 0, m.TilesTotal-1); err != nil {
			return m, err
		}
	}
	row, err := tx.InsertMultiplication(ctx, m.row())
	accepted := newMultiplication(row)
	if err != nil || !batched {
		return accepted, err
	}
	accepted.own = m.own
	return c.enqueueBatchTx(ctx, tx.Tx(), accepted, batchDue(accepted))
}

// setRetentionTx gives a new multiplication the retention that its submission asks for.
func setRetentionTx(ctx context.Context, tx *store.TenantTx, m *Multiplication, s Submission) error {
	fresh := []uuid.UUID{m.C.ID}
	for _, o := range []Operand{s.A, s.B} {
		if !o.Stored {
			fresh = append(fresh, o.Matrix.ID)
		}
	}
	m.Retention = s.Retention
	m.ExpiresAt = m.CreatedAt.Add(s.Retention)
	return retention.SetTx(ctx, tx, m.ID, fresh, s.Retention)
}

func planOf(s Submission) matrix.Plan {
	return matrix.NewPlan(s.A.Matrix.Rows, s.A.Matrix.Cols, s.B.Matrix.Cols)
}

// planned returns the multiplication that a submission asks for. One without elements is complete as soon as it is
// submitted.
func planned(s Submission) Multiplication {
	a := Ref{ID: s.A.Matrix.ID, Shape: s.A.Matrix.Shape()}
	b := Ref{ID: s.B.Matrix.ID, Shape: s.B.Matrix.Shape()}
	plan := planOf(s)
	m := Multiplication{
		ID:         store.NewMultiplicationID(),
		A:          a,
		B:          b,
		C:          Ref{ID: store.NewID(), Shape: a.Shape.Times(b.Shape)},
		Priority:   s.Priority,
		own:        s.Own,
		State:      Pending,
		Plan:       plan,
		TilesTotal: plan.Pieces(),
		Output:     s.Output,
	}
	if m.Output != nil {
		m.TilesTotal++ // to write it
	}
	if m.TilesTotal == 0 {
		now := time.Now()
		m.State = Completed
		m.StartedAt = &now
		m.FinishedAt = &now
	}
	return m
}

// writeOperandsTx writes the rows of new operands, and keeps stored ones from expiring.
func (c *Client) writeOperandsTx(ctx context.Context, tx *store.TenantTx, s Submission) error {
	var stored []uuid.UUID
	operands := []Operand{s.A, s.B}
	// In one order everywhere: uploads of the same two contents must not wait for each other.
	slices.SortFunc(operands, func(x, y Operand) int { return bytes.Compare(x.Matrix.Digest, y.Matrix.Digest) })
	for _, o := range operands {
		if o.Stored {
			stored = append(stored, o.Matrix.ID)
		} else if _, err := o.WriteTx(ctx, tx); err != nil {
			return err
		}
	}
	if err := c.expandOwnersTx(ctx, tx, stored...); err != nil {
		return err
	}
	return tx.UseMatrices(ctx, stored)
}

// countSubmission counts a multiplication that was accepted. One without elements is completed with that, and so is one
// whose result was there: it is no measure of how long multiplications take.
func (c *Client) countSubmission(ctx context.Context, accepted Multiplication) {
	c.metrics.Submitted(queueOf(accepted.Plan), 1)
	switch {
	case accepted.Reused:
		c.metrics.Reused(string(Completed))
		endOf(accepted).Log(ctx, c.log, slog.LevelInfo)
	case accepted.State == Completed:
		c.countCompletion(accepted)
	}
}

// countCompletion counts a multiplication that has just been completed.
func (c *Client) countCompletion(completed Multiplication) {
	c.metrics.Completed(queueOf(completed.Plan), string(Completed), completed.CreatedAt)
}

package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/store"
)

// ErrFinished means that a multiplication has an outcome, so that it cannot be cancelled.
var ErrFinished = errors.New("only one that has not finished can be cancelled")

// CancelTx ends an active multiplication: no tile of it will start, and the running ones are told to stop. Cancelling
// twice is no error. Errors: store.ErrNotFound; ErrFinished when it is completed or has failed.
func (c *Client) CancelTx(ctx context.Context, tx *store.TenantTx, id uuid.UUID) error {
	m, err := c.lockOwnTx(ctx, tx, id)
	if err != nil {
		return err
	}
	return c.endTx(ctx, tx.Tx(), m, ending{id: id, transition: cancel})
}

// ending is how a multiplication fails or is cancelled.
type ending struct {
	id         uuid.UUID
	transition transition // fail or cancel
	reason     string     // of a failure
	byJob      int64      // the job that caused it, which ends by itself; 0: none

	// due reports whether the cause still stands while the multiplication is locked; nil: it does.
	due func(ctx context.Context, tx *store.Tx) (bool, error)
}

func (e ending) outcome() State {
	if e.transition == fail {
		return Failed
	}
	return Cancelled
}

// endTx moves an active multiplication, which is locked, to Failed or Cancelled and cancels its jobs. It does nothing
// if it has that outcome already, or if its cause has passed. Errors: ErrFinished when it has another outcome.
func (c *Client) endTx(ctx context.Context, tx *store.Tx, m Multiplication, e ending) error {
	switch {
	case m.State == e.outcome():
		return nil
	case !m.State.allows(e.transition):
		return fmt.Errorf("multiplication %s is %s: %w", e.id, m.State, ErrFinished)
	}
	if e.due != nil {
		if due, err := e.due(ctx, tx); err != nil || !due {
			return err
		}
	}
	if _, err := tx.EndMultiplication(ctx, e.id, string(e.outcome()), e.reason); err != nil {
		return err
	}
	if err := c.queue.CancelTx(ctx, tx, m.Jobs, e.byJob); err != nil {
		return err
	}
	if err := c.queue.LeaveLineTx(ctx, tx, m.Jobs, queueOf(m.Plan)); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		c.metrics.Ended(string(e.outcome()))
		c.logEnd(ctx, m)
		c.publisher.Finished(e.id)
	})
	return nil
}

// endTimeout bounds the look at a multiplication that has ended.
const endTimeout = 2 * time.Second

// logEnd logs that a multiplication, which is not inline, has ended: as it is by now, with the attempts at its tiles.
func (c *Client) logEnd(ctx context.Context, m Multiplication) {
	if !c.log.Enabled(ctx, slog.LevelInfo) { // nothing is read for a line that is not written
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	m, err := c.Get(ctx, m.Tenant, m.ID)
	if err != nil || m.FinishedAt == nil { // deleted, or retried, or the database is unavailable
		return
	}
	endOf(m).Log(ctx, c.log, slog.LevelInfo)
}

func endOf(m Multiplication) measure.End {
	return measure.End{
		ID:       m.ID,
		Tenant:   int(m.Tenant),
		State:    string(m.State),
		Shape:    fmt.Sprintf("%d×%d×%d", m.Plan.M, m.Plan.K, m.Plan.N),
		Lasted:   m.FinishedAt.Sub(m.CreatedAt),
		Attempts: m.Progress.Attempts,
	}
}

// fail ends a multiplication with a failure. It does nothing if the multiplication has finished, and waits for a
// database that is unavailable until ctx is done.
func (c *Client) fail(ctx context.Context, e ending) error {
	e.transition = fail
	err := persist.Do(ctx, func(ctx context.Context) error {
		return c.store.InTx(ctx, func(tx *store.Tx) error {
			m, err := c.lockTx(ctx, tx, e.id)
			if err != nil {
				return err
			}
			return c.endTx(ctx, tx, m, e)
		})
	})
	if err == nil || errors.Is(err, ErrFinished) {
		return nil
	}
	return fmt.Errorf("failing multiplication %s: %w", e.id, err)
}

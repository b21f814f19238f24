package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

var (
	// ErrActive means that a multiplication, or a tile of it, is still being worked on, so that it cannot be retried or
	// deleted.
	ErrActive = errors.New("the multiplication is still being worked on")
	// ErrCompleted means that a multiplication is completed, so that there is nothing to retry.
	ErrCompleted = errors.New("the multiplication is completed, only one that has failed or was cancelled can be retried")
)

// RetryTx makes a failed or cancelled multiplication active again: its tiles that are not completed are enqueued with
// a full set of attempts. Errors: store.ErrNotFound; ErrActive when it is active, or its last tiles are about to
// stop; ErrCompleted; store.ErrNoSpace when the block store has no room for the result; quota.Error.
func (c *Client) RetryTx(ctx context.Context, own *store.TenantTx, id uuid.UUID) error {
	m, err := c.lockOwnTx(ctx, own, id)
	if err != nil {
		return err
	}
	if err := retryable(m); err != nil {
		return fmt.Errorf("retrying multiplication %s: %w", id, err)
	}
	tx := own.Tx()
	running, err := c.queue.RunningTx(ctx, tx, m.Jobs)
	if err == nil && running > 0 {
		err = ErrActive
	}
	if err == nil {
		err = tx.Reserve(ctx, m.ID, m.Plan, m.C.Shape.DType, c.limits.MaxReserved)
	}
	if err == nil {
		err = c.reopenTx(ctx, tx, m)
	}
	if err == nil {
		err = c.quotas.CheckTx(ctx, own)
	}
	if err != nil {
		return fmt.Errorf("retrying multiplication %s: %w", id, err)
	}
	return nil
}

// retryable returns nil, ErrActive or ErrCompleted.
func retryable(m Multiplication) error {
	switch {
	case m.State.allows(retry):
		return nil
	case m.State == Completed:
		return ErrCompleted
	}
	return ErrActive
}

// reopenTx makes a multiplication active and enqueues its tiles that were stopped.
func (c *Client) reopenTx(ctx context.Context, tx *store.Tx, m Multiplication) error {
	if _, err := tx.ReopenMultiplication(ctx, m.ID); err != nil {
		return err
	}
	if err := c.queue.RequeueTx(ctx, tx, m.Jobs); err != nil {
		return err
	}
	if err := c.restoreTx(ctx, tx, m); err != nil {
		return err
	}
	// Not the places that they had: others would wait for all of them.
	if err := c.queue.JoinLineTx(ctx, tx, m.Jobs, orderOf(m), shares[m.Priority]); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		c.publisher.Changed(m.ID)
		c.queue.Wake(queueOf(m.Plan))
	})
	return nil
}

// restoreTx enqueues the tiles that have no job any more: people may have deleted some in River UI. If those of tiles
// that were counted are among them, which cannot be told any more, these are computed again.
func (c *Client) restoreTx(ctx context.Context, tx *store.Tx, m Multiplication) error {
	order := orderOf(m)
	order.QueuedAt = &m.CreatedAt
	restored, counted, err := c.queue.RestoreTx(ctx, tx, m.ID, order, m.TilesTotal-m.TilesUnqueued-1)
	if err != nil || restored.First > restored.Last {
		return err
	}
	return tx.RestoreTiles(ctx, m.ID, counted, restored.First, restored.Last)
}

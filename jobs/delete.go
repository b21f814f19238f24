package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// ErrInUse means that a matrix is part of a multiplication, so that it cannot be deleted.
var ErrInUse = errors.New("in use")

// usersShown is how many multiplications an ErrInUse names.
const usersShown = 5

// DeleteTx deletes a finished multiplication, and its result unless another multiplication uses that as an operand.
// Errors: store.ErrNotFound; ErrActive.
func (c *Client) DeleteTx(ctx context.Context, own *store.TenantTx, id uuid.UUID) error {
	m, err := c.lockOwnTx(ctx, own, id)
	if err != nil {
		return err
	}
	if !m.State.allows(remove) {
		return fmt.Errorf("multiplication %s is %s, cancel it first: %w", id, m.State, ErrActive)
	}
	tx := own.Tx()
	if _, err := tx.DeleteMultiplication(ctx, id); err != nil {
		return fmt.Errorf("deleting multiplication %s: %w", id, err)
	}
	tx.AfterCommit(func() { c.publisher.Finished(id) })
	result, err := own.LockMatrix(ctx, m.C.ID)
	if errors.Is(err, store.ErrNotFound) { // deleted before
		return nil
	}
	if err == nil {
		err = c.deleteMatrixTx(ctx, tx, result)
	}
	if errors.Is(err, ErrInUse) {
		return nil
	}
	return err
}

// DeleteMatrixTx deletes a matrix that no multiplication uses, and its content unless other matrices share it. Errors:
// store.ErrNotFound; store.ErrNotReady while it is being written; ErrInUse, with the multiplications that use it.
func (c *Client) DeleteMatrixTx(ctx context.Context, own *store.TenantTx, id uuid.UUID) error {
	if err := c.expandOwnersTx(ctx, own, id); err != nil {
		return err
	}
	m, err := own.LockMatrix(ctx, id)
	if err != nil {
		return err
	}
	tx := own.Tx()
	if err := c.checkUnusedTx(ctx, tx, id); err != nil {
		return err
	}
	if m.State != store.Ready {
		return fmt.Errorf("matrix %s: %w", id, store.ErrNotReady)
	}
	return c.deleteUnusedTx(ctx, tx, m)
}

func (c *Client) deleteMatrixTx(ctx context.Context, tx *store.Tx, m store.Matrix) error {
	if err := c.checkUnusedTx(ctx, tx, m.ID); err != nil {
		return err
	}
	return c.deleteUnusedTx(ctx, tx, m)
}

// checkUnusedTx returns ErrInUse if a matrix is part of a multiplication.
func (c *Client) checkUnusedTx(ctx context.Context, tx *store.Tx, id uuid.UUID) error {
	users, err := tx.MatrixUsers(ctx, id, usersShown)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("matrix %s is part of the multiplications %v: %w", id, users, ErrInUse)
	}
	return nil
}

// deleteTimeout bounds how long a request deletes blocks.
const deleteTimeout = 10 * time.Second

// deleteUnusedTx deletes a matrix, and after the commit its blocks. What it cannot delete is swept.
func (c *Client) deleteUnusedTx(ctx context.Context, tx *store.Tx, m store.Matrix) error {
	free, err := tx.DeleteMatrix(ctx, m)
	if err != nil || !free {
		return err
	}
	tx.AfterCommit(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTimeout)
		defer cancel()
		if err := c.store.Blocks.Delete(ctx, m.ID); err != nil {
			c.log.WarnContext(ctx, "deleting the blocks of a matrix", "matrix", m.ID, "error", err)
		}
	})
	return nil
}

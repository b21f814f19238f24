package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store"
)

// ErrActive says that a multiplication, or a tile of it, is still being worked on, so that it cannot be retried.
var ErrActive = errors.New("the multiplication is still being worked on")

// Retry takes up a product again that failed or was cancelled: the tiles that are not completed are queued with a full set
// of attempts. store.ErrNotFound: there is none of that id. ErrActive: it has not ended, or its last tiles are about to
// stop. ErrFinal: it is completed.
func (c *Client) Retry(ctx context.Context, id uuid.UUID, answers ...AnswerTx) error {
	var p store.Multiplication
	err := c.store.InTx(ctx, func(_ pgx.Tx, q *store.Queries) (err error) {
		if p, err = c.retryTx(ctx, q, id); err != nil {
			return err
		}
		return answerTx(ctx, q, id, answers)
	})
	if err != nil {
		return fmt.Errorf("retrying multiplication %s: %w", id, err)
	}
	c.changes.Changed(id)
	c.wake(QueueOf(p.Plan()))
	return nil
}

// Delete removes a product that has ended. Errors: those of store.DeleteProduct.
func (c *Client) Delete(ctx context.Context, id uuid.UUID) error {
	if err := c.store.DeleteProduct(ctx, id); err != nil {
		return err
	}
	c.changes.Ended(id)
	return nil
}

func (c *Client) retryTx(ctx context.Context, q *store.Queries, id uuid.UUID) (store.Multiplication, error) {
	p, err := q.LockMultiplication(ctx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return p, store.ErrNotFound
	case err != nil:
		return p, err
	case p.State == store.Completed:
		return p, ErrFinal
	case !p.State.Final():
		return p, ErrActive
	}
	running, err := q.ListRunningTiles(ctx, p.FirstJob, p.LastJob, id.String())
	if err != nil {
		return p, err
	}
	if len(running) > 0 {
		return p, ErrActive
	}
	return p, c.reopenTx(ctx, q, p)
}

// reopenTx gives a product back its active state and queues its tiles that were stopped.
func (c *Client) reopenTx(ctx context.Context, q *store.Queries, p store.Multiplication) error {
	if err := q.ReopenMultiplication(ctx, c.store.Retention, p.ID); err != nil {
		return err
	}
	_, err := q.RequeueTiles(ctx, store.RequeueTilesParams{
		MoreAttempts: maxAttempts, FirstJob: p.FirstJob, LastJob: p.LastJob, MultiplicationID: p.ID.String(),
	})
	return err
}

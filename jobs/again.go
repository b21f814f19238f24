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
	err := c.store.InTx(ctx, func(_ pgx.Tx, q *store.Queries) error {
		if err := c.retryTx(ctx, q, id); err != nil {
			return err
		}
		return answerTx(ctx, q, id, answers)
	})
	if err != nil {
		return fmt.Errorf("retrying multiplication %s: %w", id, err)
	}
	return nil
}

func (c *Client) retryTx(ctx context.Context, q *store.Queries, id uuid.UUID) error {
	p, err := q.LockMultiplication(ctx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	case err != nil:
		return err
	case p.State == store.Completed:
		return ErrFinal
	case !p.State.Final():
		return ErrActive
	}
	running, err := q.ListRunningTiles(ctx, p.FirstJob, p.LastJob, id.String())
	if err != nil {
		return err
	}
	if len(running) > 0 {
		return ErrActive
	}
	if err := q.ReopenMultiplication(ctx, c.store.Retention, id); err != nil {
		return err
	}
	_, err = q.RequeueTiles(ctx, store.RequeueTilesParams{
		MoreAttempts: maxAttempts, FirstJob: p.FirstJob, LastJob: p.LastJob, MultiplicationID: id.String(),
	})
	return err
}

package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/store"
)

// ErrFinal says that a multiplication has an outcome already: it cannot be cancelled, and its tiles are of no use.
var ErrFinal = errors.New("the multiplication has ended")

// Cancel ends a product that is not finished: no tile of it will start, and the running ones are told to stop.
// store.ErrNotFound: there is none of that id. ErrFinal: it has ended before; cancelling twice is no error.
func (c *Client) Cancel(ctx context.Context, id uuid.UUID, answers ...AnswerTx) error {
	cancelled := func(_ context.Context, _ *store.Queries, s store.Status) error {
		if state := s.Multiplication.State; state != store.Cancelled {
			return fmt.Errorf("multiplication %s is %s: %w", id, state, ErrFinal)
		}
		return nil
	}
	return c.end(ctx, id, store.Cancelled, "", 0, append([]AnswerTx{cancelled}, answers...)...)
}

// end gives an active product its outcome, failed or cancelled, and stops its jobs but the one that is except. One that has an
// outcome keeps it.
func (c *Client) end(
	ctx context.Context, id uuid.UUID, state store.State, reason string, except int64, answers ...AnswerTx,
) error {
	var ended bool
	err := c.store.InTx(ctx, func(tx pgx.Tx, q *store.Queries) error {
		p, err := q.LockMultiplication(ctx, id)
		if err != nil {
			return err
		}
		params := store.EndMultiplicationParams{ID: id, State: state, Retention: c.store.Retention}
		if reason != "" {
			params.Failure = &reason
		}
		n, err := q.EndMultiplication(ctx, params)
		if ended = n > 0; ended && err == nil {
			err = c.stopTilesTx(ctx, tx, q, p, except)
		}
		if err != nil {
			return err
		}
		return answerTx(ctx, q, id, answers)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("multiplication %s: %w", id, store.ErrNotFound)
	}
	if errors.Is(err, ErrFinal) {
		return err
	}
	if err != nil {
		return fmt.Errorf("ending multiplication %s: %w", id, err)
	}
	if ended {
		c.metrics.ended.WithLabelValues(string(state)).Inc()
		c.changes.Ended(id)
	}
	return nil
}

// stopTilesTx cancels the waiting jobs of a product in one statement and the others, which are few, by River, which tells
// the workers of those that run. A job may change its state between the two statements, so the second takes all that are
// not finished: after this no job of the product will start, unless a person retries it. See Client.resume.
func (c *Client) stopTilesTx(ctx context.Context, tx pgx.Tx, q *store.Queries, p store.Multiplication, except int64) error {
	if err := q.CancelWaitingTiles(ctx, p.FirstJob, p.LastJob, p.ID.String()); err != nil {
		return err
	}
	unfinished, err := q.ListUnfinishedTiles(ctx, p.FirstJob, p.LastJob, p.ID.String())
	if err != nil {
		return err
	}
	for _, job := range unfinished {
		if job == except { // it is about to end by itself, and need not be told
			err = q.MarkCancelled(ctx, job)
		} else {
			_, err = c.river.JobCancelTx(ctx, tx, job)
		}
		if err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return err
		}
	}
	return nil
}

// tileArgs returns the args of a job if it is a tile.
func tileArgs(job *rivertype.JobRow) (TileArgs, error) {
	var args TileArgs
	if job.Kind != args.Kind() {
		return args, fmt.Errorf("job %d is a %s", job.ID, job.Kind)
	}
	return args, json.Unmarshal(job.EncodedArgs, &args)
}

package jobs

import (
	"context"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// AnswerTx is called at the end of the transaction that submits, cancels or retries a product, with its status as the
// transaction leaves it. If it fails, nothing has happened.
type AnswerTx func(ctx context.Context, q *store.Queries, s store.Status) error

// answerTx calls each with the present status of a product.
func answerTx(ctx context.Context, q *store.Queries, id uuid.UUID, answers []AnswerTx) error {
	if len(answers) == 0 {
		return nil
	}
	status, err := q.Status(ctx, id)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		if err := answer(ctx, q, status); err != nil {
			return err
		}
	}
	return nil
}

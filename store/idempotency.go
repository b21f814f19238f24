package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrKeyUsed says that another request with the same key has been accepted in the meantime.
var ErrKeyUsed = errors.New("the key has been used")

// Answer returns what was answered to the request that came with a key, or nil when none did.
func (s *Store) Answer(ctx context.Context, key string) (*IdempotencyKey, error) {
	row, err := s.GetIdempotencyKey(ctx, key)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking for an earlier request: %w", err)
	}
	return &row, nil
}

// KeepAnswerTx writes down what will be answered to a request with a key, as the last act of the transaction that does the
// work. Of several requests with one key the first one commits; the others wait here until it has, and get ErrKeyUsed: then
// their work must be rolled back.
func (q *Queries) KeepAnswerTx(ctx context.Context, answer InsertIdempotencyKeyParams) error {
	n, err := q.InsertIdempotencyKey(ctx, answer)
	if err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	if n == 0 {
		return ErrKeyUsed
	}
	return nil
}

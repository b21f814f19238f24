package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/store/internal/db"
)

// ErrKeyUsed means that another request with the same idempotency key was accepted in the meantime.
var ErrKeyUsed = errors.New("the idempotency key has been used")

// IdempotencyKey is a row of table idempotency_keys: the response to an accepted request that came with a key.
type IdempotencyKey struct {
	Key         string
	Fingerprint []byte // SHA-256 of what the client asked for
	Status      int16
	Location    string
	Body        []byte
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// IdempotencyKey returns the response to the request that came with a key, or nil when there was none.
func (s *Store) IdempotencyKey(ctx context.Context, key string) (*IdempotencyKey, error) {
	row, err := s.db.GetIdempotencyKey(ctx, key)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking for an earlier request with the key: %w", err)
	}
	record := IdempotencyKey(row)
	return &record, nil
}

// SaveIdempotencyKey writes the response to a request with a key, as the last act of the transaction that does the
// work. Of several requests with one key the first one commits; the others wait here until it has, and get
// ErrKeyUsed: their work must be rolled back.
func (tx *Tx) SaveIdempotencyKey(ctx context.Context, k IdempotencyKey) error {
	n, err := tx.db.InsertIdempotencyKey(ctx, db.InsertIdempotencyKeyParams{
		Key:         k.Key,
		Fingerprint: k.Fingerprint,
		Status:      k.Status,
		Location:    k.Location,
		Body:        k.Body,
		Retention:   tx.store.Retention,
	})
	if err != nil {
		return fmt.Errorf("saving the response: %w", err)
	}
	if n == 0 {
		return ErrKeyUsed
	}
	return nil
}

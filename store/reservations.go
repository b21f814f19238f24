package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
)

// ErrNoSpace means that the block store has no room for a result.
var ErrNoSpace = errors.New("not enough space in the block store")

const (
	// reservationsLock is the key of the advisory lock under which space is reserved.
	reservationsLock = 0x6d72_7265_7365_7276
	// reservable is how much of the free space of a block store results may reserve, in percent: uploads and other
	// programs need some, too.
	reservable = 80
	// DefaultMaxReserved is how many bytes unfinished results may still need in a block store that does not know how much
	// space it has left.
	DefaultMaxReserved = 64 << 30
)

// Reserve returns ErrNoSpace when a result, with what unfinished multiplications will still write, would exceed the
// limit: maxBytes, or if that is 0, what the block store says. The multiplication's row holds the reservation, so that
// it must become active in this transaction; until that is committed, no other one reserves space. A result in its row
// needs none.
func (tx *Tx) Reserve(ctx context.Context, multiplication uuid.UUID, result matrix.Shape, maxBytes int64) error {
	if result.Bytes() <= MaxInline {
		return nil
	}
	if maxBytes <= 0 {
		maxBytes = tx.store.maxReserved()
	}
	if err := tx.db.LockReservations(ctx, reservationsLock); err != nil {
		return fmt.Errorf("reserving space: %w", err)
	}
	reserved, err := tx.db.SumReserved(ctx, multiplication)
	if err != nil {
		return fmt.Errorf("reserving space: %w", err)
	}
	if reserved+float64(result.Bytes()) > float64(maxBytes) {
		return fmt.Errorf("%w: the result takes %d bytes, other unfinished results %.0f, and there is room for %d",
			ErrNoSpace, result.Bytes(), reserved, maxBytes)
	}
	return nil
}

// maxReserved is how many bytes unfinished results may still need, if that is not configured.
func (s *Store) maxReserved() int64 {
	room, known := s.Space()
	if !known {
		return DefaultMaxReserved
	}
	return room.Free / 100 * reservable
}

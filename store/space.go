package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/blocks"
)

// spaceInterval is how long what was learnt of the free space of the block store is taken to be true.
const spaceInterval = 2 * time.Second

// space remembers how much room there is in the block store.
type space struct {
	mutex sync.Mutex
	last  blocks.Space
	at    time.Time
}

// Space returns how much room there is in the block store, and whether it can tell.
func (s *Store) Space() (blocks.Space, bool) {
	s.space.mutex.Lock()
	defer s.space.mutex.Unlock()
	if time.Since(s.space.at) > spaceInterval {
		s.space.last = s.Blocks.Space()
		s.space.at = time.Now()
	}
	return s.space.last, s.space.last.Total > 0
}

// lowWater returns the free space below which nothing new is taken in. It is at most a tenth of the volume, so that the
// default suits small ones, too.
func (s *Store) lowWater(room blocks.Space) int64 { return min(s.MinFreeBytes, room.Total/10) }

// CheckSpace returns blocks.ErrFull if the block store should not take in something new of so many bytes. What it keeps
// free is for the results of what was accepted before.
func (s *Store) CheckSpace(bytes int64) error {
	room, known := s.Space()
	if low := s.lowWater(room); known && room.Free-bytes < low {
		return fmt.Errorf("%w: %d bytes are wanted, %d are free, of which %d stay free",
			blocks.ErrFull, bytes, room.Free, low)
	}
	return nil
}

// CheckRoom returns blocks.ErrFull if so many bytes cannot be written now.
func (s *Store) CheckRoom(bytes int64) error {
	if room, known := s.Space(); known && room.Free < bytes {
		return fmt.Errorf("%w: %d bytes are wanted, %d are free", blocks.ErrFull, bytes, room.Free)
	}
	return nil
}

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

// Reserve returns ErrNoSpace when a result and the parts of its tiles, with what unfinished multiplications will still
// write, would exceed the limit: maxBytes, or if that is 0, what the block store says. The multiplication's row holds
// the reservation, so that it must become active in this transaction; until that is committed, no other one reserves
// space. A result in its row needs none.
func (tx *Tx) Reserve(
	ctx context.Context, multiplication uuid.UUID, plan matrix.Plan, dtype matrix.DType, maxBytes int64,
) error {
	bytes := plan.StoredElements() * int64(dtype.Size())
	if bytes <= MaxInline && plan.Parts() == 1 {
		return nil
	}
	if maxBytes <= 0 {
		maxBytes = tx.store.maxReserved()
	}
	if err := tx.db.LockReservations(ctx, reservationsLock); err != nil {
		return fmt.Errorf("reserving space: %w", err)
	}
	reserved, err := tx.db.SumReserved(ctx, matrix.PiecesAhead, multiplication)
	if err != nil {
		return fmt.Errorf("reserving space: %w", err)
	}
	if reserved+float64(bytes) > float64(maxBytes) {
		return fmt.Errorf("%w: the result takes %d bytes, other unfinished results %.0f, and there is room for %d",
			ErrNoSpace, bytes, reserved, maxBytes)
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

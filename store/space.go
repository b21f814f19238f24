package store

import (
	"fmt"
	"sync"
	"time"

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
		return fmt.Errorf("%w: %d bytes are wanted, %d are free, of which %d stay free", blocks.ErrFull, bytes, room.Free, low)
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

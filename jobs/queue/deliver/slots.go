package deliver

import (
	"sync"

	"github.com/google/uuid"
)

// slots bound how many messages a process sends to one receiver at once, so that one that is slow leaves room for the
// others.
type slots struct {
	most int

	mu    sync.Mutex
	taken map[uuid.UUID]int // by webhook
}

func newSlots(most int) *slots { return &slots{most: most, taken: map[uuid.UUID]int{}} }

// take reports whether there is a slot for a webhook, which release gives back.
func (s *slots) take(webhook uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[webhook] >= s.most {
		return false
	}
	s.taken[webhook]++
	return true
}

func (s *slots) release(webhook uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[webhook]--
	if s.taken[webhook] == 0 {
		delete(s.taken, webhook)
	}
}

package admission

import (
	"sync"

	"github.com/millrace/millrace/identity"
)

// expected is how many multiplications for queue Small are being accepted, in batches. They count for their own tenant
// only, so that one that sends its batches slowly keeps no other out.
type expected struct {
	mu     sync.Mutex
	counts map[identity.TenantID]int
}

func (e *expected) add(t identity.TenantID, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.counts == nil {
		e.counts = map[identity.TenantID]int{}
	}
	if e.counts[t] += n; e.counts[t] == 0 {
		delete(e.counts, t)
	}
}

func (e *expected) of(t identity.TenantID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts[t]
}

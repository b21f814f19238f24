package watch

import (
	"context"
	"time"

	"github.com/millrace/millrace/identity"
)

// WaitAll returns nil as soon as each of several multiplications has finished or is gone, when the limit is over, or
// when the hub is stopped or does not run: the caller then reads what it needs. Errors: those of ctx.
func (h *Hub) WaitAll(ctx context.Context, owned []identity.Owned, limit time.Duration) error {
	waiters := make([]waiter, len(owned))
	topics := make([]*topic, len(owned))
	done := make(chan error, len(owned)) // has room for each, so that no delivery waits
	h.mu.Lock()
	for i, o := range owned {
		t, since, ok := h.join(o.ID)
		if !ok {
			h.mu.Unlock()
			return nil
		}
		waiters[i] = waiter{
			tenant: o.Tenant,
			wants:  wantFinished,
			since:  since,
			done:   done,
		}
		t.waiters[&waiters[i]] = struct{}{}
		topics[i] = t
	}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for i, t := range topics {
			delete(t.waiters, &waiters[i])
			h.leave(t)
		}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for range owned {
		select {
		case <-done: //nolint:errcheck // what was deleted has ended, too
		case <-timer.C:
			return nil
		case <-h.stopping:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

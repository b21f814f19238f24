package watch

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// WaitAll returns nil as soon as each of several multiplications has finished or is gone, when the limit is over, or
// when the hub is stopped or does not run: the caller then reads what it needs. Errors: those of ctx.
func (h *Hub) WaitAll(ctx context.Context, ids []uuid.UUID, limit time.Duration) error {
	waiters := make([]waiter, len(ids))
	topics := make([]*topic, len(ids))
	done := make(chan error, len(ids)) // has room for each, so that no delivery waits
	h.mu.Lock()
	for i, id := range ids {
		t, since, ok := h.join(id)
		if !ok {
			h.mu.Unlock()
			return nil
		}
		waiters[i] = waiter{
			wants: wantFinished,
			since: since,
			done:  done,
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
	for range ids {
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

package watch

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
)

// waiter is a caller that is blocked until something is known about a multiplication.
type waiter struct {
	tenant identity.TenantID // for which there is only what is its own
	wants  want
	since  uint64     // the first generation that was read after it had come
	done   chan error // receives once, nil for success
	ended  bool       // done has received
}

// want is what a waiter waits for.
type want int

const (
	wantFinished want = iota // the multiplication has finished
	wantRow                  // its row has been read
)

// deliver ends the wait; the first delivery counts. The caller holds the lock.
func (w *waiter) deliver(err error) {
	if !w.ended {
		w.ended = true
		w.done <- err
	}
}

// Wait returns nil as soon as a multiplication has finished, when the limit is over, or when the hub is stopped or
// does not run: the caller then reads what it needs. Errors: store.ErrNotFound when the tenant has none of that id, or
// it was deleted meanwhile; those of ctx.
func (h *Hub) Wait(ctx context.Context, o identity.Owned, limit time.Duration) error {
	w := &waiter{
		tenant: o.Tenant,
		wants:  wantFinished,
		done:   make(chan error, 1),
	}
	t, ok := h.joinWaiter(o.ID, w)
	if !ok {
		return nil
	}
	defer h.leaveWaiter(t, w)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-w.done:
		return err
	case <-timer.C:
		return nil
	case <-h.stopping:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) joinWaiter(id uuid.UUID, w *waiter) (*topic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, since, ok := h.join(id)
	if ok {
		w.since = since
		t.waiters[w] = struct{}{}
	}
	return t, ok
}

func (h *Hub) leaveWaiter(t *topic, w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(t.waiters, w)
	h.leave(t)
}

// releaseWaiters ends the waits that the row of a topic, which was read in a generation, satisfies, and those on behalf
// of other tenants than its own, for which there is no such row. The caller holds the lock.
func (t *topic) releaseWaiters(generation uint64) {
	for w := range t.waiters {
		switch {
		case w.since > generation:
		case w.tenant != t.row.TenantID:
			w.deliver(missing(t.id))
		case w.wants == wantRow, t.row.Finished():
			w.deliver(nil)
		}
	}
}

// failWaiters ends the waits that began before a generation was read. The caller holds the lock.
func (t *topic) failWaiters(generation uint64, err error) {
	for w := range t.waiters {
		if w.since <= generation {
			w.deliver(err)
		}
	}
}

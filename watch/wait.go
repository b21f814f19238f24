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

// Wait returns nil as soon as a multiplication has finished or was deleted, when the limit is over, or when the hub is
// stopped or does not run: the caller then reads what it needs. What has finished may have been retried since. Errors:
// store.ErrNotFound when the tenant has none of that id, or it was deleted meanwhile; those of ctx.
func (h *Hub) Wait(ctx context.Context, o identity.Owned, limit time.Duration) error {
	w := newWaiter(o)
	t, ok := h.joinWaiter(o.ID, w)
	if !ok {
		return nil
	}
	return h.await(ctx, t, w, limit)
}

// WaitAccepted is Wait for what the tenant has submitted a moment ago. It is read only if it does not finish soon.
func (h *Hub) WaitAccepted(ctx context.Context, o identity.Owned, limit time.Duration) error {
	w := newWaiter(o)
	t, ok := h.joinAccepted(o, w)
	if !ok {
		return nil
	}
	return h.await(ctx, t, w, limit)
}

func newWaiter(o identity.Owned) *waiter {
	return &waiter{
		tenant: o.Tenant,
		wants:  wantFinished,
		done:   make(chan error, 1),
	}
}

func (h *Hub) await(ctx context.Context, t *topic, w *waiter, limit time.Duration) error {
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

// joinAccepted joins the topic of a multiplication that was not there a moment ago, as if it had been read.
func (h *Hub) joinAccepted(o identity.Owned, w *waiter) (*topic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running {
		return nil, false
	}
	t := h.topic(o.ID)
	if t.read == 0 {
		t.row.TenantID = o.Tenant
		t.read = h.generation
	}
	t.stale = true
	signal(h.acceptedPending)
	w.since = t.read
	t.waiters[w] = struct{}{}
	return t, true
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

// believe ends the waits for the end of a multiplication whose row has been read, because of a notification: their
// callers read the row in any case. It reports whether all that watch the topic were told with that. The caller holds
// the lock.
func (t *topic) believe() bool {
	told := t.subscribers == 0
	for w := range t.waiters {
		if w.since <= t.read && w.tenant == t.row.TenantID && w.wants == wantFinished {
			w.deliver(nil)
		} else {
			told = false
		}
	}
	return told
}

// failWaiters ends the waits that began before a generation was read. The caller holds the lock.
func (t *topic) failWaiters(generation uint64, err error) {
	for w := range t.waiters {
		if w.since <= generation {
			w.deliver(err)
		}
	}
}

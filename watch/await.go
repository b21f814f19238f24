package watch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// Outcome is what those get who wait for a product: its state, and its content if it is completed and lives in its row.
// All who wait for the same product share one.
type Outcome struct {
	store.Status
	Content []byte

	once     sync.Once
	rendered any
}

// Render returns what the first of all callers made of the outcome.
func (o *Outcome) Render(render func(*Outcome) any) any {
	o.once.Do(func() { o.rendered = render(o) })
	return o.rendered
}

// waiter is one who waits for something about a product.
type waiter struct {
	wants  want
	since  uint64 // the first reading that began after it had come
	answer chan answer
}

// want is what a waiter waits for.
type want int

const (
	wantEnd     want = iota // the state after it has ended
	wantPresent             // the state, whatever it is
	wantRow                 // nothing but that the row has been read
)

type answer struct {
	outcome *Outcome
	err     error
}

// deliver gives the waiter its answer; the first one counts.
func (w *waiter) deliver(o *Outcome, err error) {
	select {
	case w.answer <- answer{o, err}:
	default:
	}
}

// satisfied reports whether the waiter gets what it waits for when the state is known.
func (w *waiter) satisfied(reading uint64, state store.State) bool {
	return w.since <= reading && (w.wants == wantPresent || w.wants == wantEnd && state.Final())
}

// dismiss ends the waits that began before a reading. The caller holds the lock.
func (t *topic) dismiss(reading uint64, err error) {
	for w := range t.waiters {
		if w.since <= reading {
			w.deliver(nil, err)
		}
	}
}

// Await returns the state of a product as soon as it has ended, or the present one when the limit is over or the hub is
// stopped. It is never older than the call. store.ErrNotFound: there is none of that id, or it has been deleted meanwhile.
func (h *Hub) Await(ctx context.Context, id uuid.UUID, limit time.Duration) (*Outcome, error) {
	w := &waiter{wants: wantEnd, answer: make(chan answer, 1)}
	t, ok := h.joinWaiter(id, w)
	if !ok {
		return h.present(ctx, id)
	}
	defer h.leaveWaiter(t, w)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	stopping := h.stopping
	for {
		select {
		case a := <-w.answer:
			return a.outcome, a.err
		case <-timer.C:
			h.demand(t, w)
		case <-stopping:
			stopping = nil
			h.demand(t, w)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
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

// demand asks for an answer from the next reading, whatever the state.
func (h *Hub) demand(t *topic, w *waiter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.wants, t.dirty = wantPresent, true
	signal(h.wake)
}

// dismissAll ends all waits when nothing will be read any more.
func (h *Hub) dismissAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		t.dismiss(h.reading+1, ErrStopped)
	}
}

// present reads the outcome for one who asks a hub that does not run.
func (h *Hub) present(ctx context.Context, id uuid.UUID) (*Outcome, error) {
	outcomes, err := h.outcomes(ctx, []uuid.UUID{id})
	if err == nil && outcomes[id] == nil {
		err = missing(id)
	}
	return outcomes[id], err
}

// answerWaiters gives an answer to everybody who can have one after the rows have been read.
func (h *Hub) answerWaiters(ctx context.Context, reading uint64, ids []uuid.UUID) error {
	awaited := h.awaited(reading, ids)
	if len(awaited) == 0 {
		return nil
	}
	outcomes, err := h.outcomes(ctx, awaited)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range awaited {
		t, o := h.topics[id], outcomes[id]
		switch {
		case t == nil: // everybody has left meanwhile
		case o == nil:
			t.dismiss(reading, missing(id))
		default:
			for w := range t.waiters {
				if w.satisfied(reading, o.Multiplication.State) {
					w.deliver(o, nil)
				}
			}
		}
	}
	return nil
}

// awaited returns the products of which somebody can have an answer.
func (h *Hub) awaited(reading uint64, ids []uuid.UUID) []uuid.UUID {
	h.mu.Lock()
	defer h.mu.Unlock()
	var awaited []uuid.UUID
	for _, id := range ids {
		t := h.topics[id]
		if t == nil || t.gone {
			continue
		}
		for w := range t.waiters {
			if w.satisfied(reading, t.row.State) {
				awaited = append(awaited, id)
				break
			}
		}
	}
	return awaited
}

// outcomes reads the whole state of products, and their contents where these are small.
func (h *Hub) outcomes(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]*Outcome, error) {
	statuses, err := h.store.Statuses(ctx, ids)
	if err != nil {
		return nil, err
	}
	outcomes := make(map[uuid.UUID]*Outcome, len(statuses))
	small := map[uuid.UUID][]*Outcome{}
	for _, s := range statuses {
		o := &Outcome{Status: s}
		outcomes[s.Multiplication.ID] = o
		if p := s.Multiplication; p.State == store.Completed && p.ResultShape().Bytes() <= store.MaxInline {
			small[p.C] = append(small[p.C], o)
		}
	}
	if len(small) == 0 {
		return outcomes, nil
	}
	contents, err := h.store.ListContents(ctx, keys(small))
	if err != nil {
		return nil, fmt.Errorf("reading contents: %w", err)
	}
	for _, c := range contents {
		for _, o := range small[c.ID] {
			o.Content = c.Content
		}
	}
	return outcomes, nil
}

func keys[V any](m map[uuid.UUID]V) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	return ids
}

package watch

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// eventsPage is how many events of one multiplication one read takes at most; the next one goes on.
const eventsPage = 2000

// read reads the stale topics and delivers what was read.
func (h *Hub) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	generation, ids := h.begin()
	if len(ids) == 0 {
		return nil
	}
	rows, err := h.store.ForAll().Multiplications(ctx, ids)
	if err == nil {
		h.applyRows(generation, ids, rows)
		err = h.readEvents(ctx, ids)
	}
	if err != nil {
		h.fail(generation, ids, err)
	}
	return err
}

// begin starts a read and returns its generation and what is to be read.
func (h *Hub) begin() (uint64, []uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []uuid.UUID
	for id, t := range h.topics {
		if t.stale {
			t.stale = false
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		h.generation++
	}
	return h.generation, ids
}

// applyRows puts the rows that were read into their topics; topics without a row are gone.
func (h *Hub) applyRows(generation uint64, ids []uuid.UUID, rows []store.Multiplication) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range rows {
		t := h.topics[row.ID]
		if t == nil {
			continue
		}
		t.row = row
		t.read = generation
		t.releaseWaiters(generation)
	}
	for _, id := range ids {
		t := h.topics[id]
		if t == nil || t.read == generation {
			continue
		}
		t.gone = true
		t.publish()
		t.failWaiters(generation, missing(id))
	}
}

func missing(id uuid.UUID) error { return fmt.Errorf("multiplication %s: %w", id, store.ErrNotFound) }

// fail has topics read again at the next poll. Waiters for a row get the error; the others go on waiting.
func (h *Hub) fail(generation uint64, ids []uuid.UUID, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		t := h.topics[id]
		if t == nil {
			continue
		}
		t.stale = true
		for w := range t.waiters {
			if w.wants == wantRow && w.since <= generation {
				w.deliver(err)
			}
		}
	}
}

// readEvents brings the logs of topics with subscribers up to date.
func (h *Hub) readEvents(ctx context.Context, ids []uuid.UUID) error {
	lacking, since := h.lackingEvents(ids)
	if len(lacking) == 0 {
		return nil
	}
	events, err := h.store.ForAll().Events(ctx, lacking, since, eventsPage)
	if err != nil {
		return err
	}
	found := map[uuid.UUID][]store.MultiplicationEvent{}
	for _, e := range events {
		found[e.MultiplicationID] = append(found[e.MultiplicationID], e)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, id := range lacking {
		t := h.topics[id]
		if t == nil || t.log.next() != since[i] {
			continue // its subscribers have left meanwhile, or another one has come that wants earlier events
		}
		whole := len(found[id]) < eventsPage
		t.log.add(found[id], t.row, whole)
		if !whole {
			t.stale = true
			signal(h.wake)
		}
		t.publish()
	}
	return nil
}

// lackingEvents returns which logs lack events that the row does not tell, and from which number on.
func (h *Hub) lackingEvents(ids []uuid.UUID) (lacking []uuid.UUID, since []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		t := h.topics[id]
		if t == nil || t.gone || t.read == 0 || t.subscribers == 0 {
			continue
		}
		before := t.log.next()
		complete := t.log.complete(t.row)
		if !complete {
			lacking = append(lacking, id)
			since = append(since, t.log.next())
		} else if t.log.next() > before {
			t.publish()
		}
	}
	return lacking, since
}

package watch

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// eventsPage is how many events of one product one reading takes at most; the next one goes on.
const eventsPage = 2000

// readOnce reads what may have changed of the products that somebody follows, and gives it to those who wait for it.
func (h *Hub) readOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	reading, ids := h.begin()
	if len(ids) == 0 {
		return nil
	}
	rows, err := h.store.ListPresent(ctx, ids)
	if err == nil {
		h.note(reading, ids, rows)
		err = h.answerWaiters(ctx, reading, ids)
	}
	if err == nil {
		err = h.readEvents(ctx, ids)
	}
	if err != nil {
		h.fail(reading, ids, err)
	}
	return err
}

// begin starts a reading and returns its number and what is to be read.
func (h *Hub) begin() (uint64, []uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []uuid.UUID
	for id, t := range h.topics {
		if t.dirty {
			t.dirty = false
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		h.reading++
	}
	return h.reading, ids
}

// note takes the present rows of products over into their topics; those that have none are gone.
func (h *Hub) note(reading uint64, ids []uuid.UUID, rows []store.Multiplication) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range rows {
		t := h.topics[row.ID]
		if t == nil {
			continue
		}
		t.row, t.read = row, reading
		for w := range t.waiters {
			if w.wants == wantRow && w.since <= reading {
				w.deliver(nil, nil)
			}
		}
	}
	for _, id := range ids {
		t := h.topics[id]
		if t == nil || t.read == reading {
			continue
		}
		t.gone = true
		t.publish()
		t.dismiss(reading, missing(id))
	}
}

func missing(id uuid.UUID) error { return fmt.Errorf("multiplication %s: %w", id, store.ErrNotFound) }

// fail has everything read again at the next poll, and tells those who cannot wait.
func (h *Hub) fail(reading uint64, ids []uuid.UUID, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		t := h.topics[id]
		if t == nil {
			continue
		}
		t.dirty = true
		for w := range t.waiters {
			if w.wants != wantEnd && w.since <= reading {
				w.deliver(nil, err)
			}
		}
	}
}

// readEvents brings the logs of the products that somebody streams up to date.
func (h *Hub) readEvents(ctx context.Context, ids []uuid.UUID) error {
	lacking, since := h.lackingEvents(ids)
	var events []store.MultiplicationEvent
	var err error
	if len(lacking) > 0 {
		if events, err = h.store.ListEvents(ctx, lacking, since, eventsPage); err != nil {
			return err
		}
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
			continue // everybody has left meanwhile, or somebody has come who wants more of it
		}
		whole := len(found[id]) < eventsPage
		t.log.add(found[id], t.row, whole)
		if !whole {
			t.dirty = true
			signal(h.wake)
		}
		t.publish()
	}
	return nil
}

// lackingEvents returns which logs lack events that only the database has, and from which number on. Where the row says it
// all, it is enough.
func (h *Hub) lackingEvents(ids []uuid.UUID) (lacking []uuid.UUID, since []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		t := h.topics[id]
		if t == nil || t.gone || t.read == 0 || t.followers == 0 {
			continue
		}
		before := t.log.next()
		complete := t.log.complete(t.row)
		if !complete {
			lacking, since = append(lacking, id), append(since, t.log.next())
		} else if t.log.next() > before {
			t.publish()
		}
	}
	return lacking, since
}

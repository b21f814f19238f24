package watch

import (
	"context"
	"io"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
)

// nextPage is how many events one call of Next returns at most.
const nextPage = 256

// Subscription delivers each event in the life of a multiplication.
type Subscription struct {
	Multiplication store.Multiplication // as it was when the subscription began
	hub            *Hub
	topic          *topic
	last           int64 // the number of the newest event that was delivered
}

// Subscribe begins a subscription after the event of a number, 0 for the first. After a number that there is not yet it
// begins with the newest event. Close ends it. Errors:
// store.ErrNotFound when the tenant has none of that id; ErrStopped when the hub does not run; those of ctx;
// context.DeadlineExceeded when the database does not respond.
func (h *Hub) Subscribe(ctx context.Context, o identity.Owned, after int64) (*Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout) // of reads two may follow each other: one may be under way
	defer cancel()
	w := &waiter{
		tenant: o.Tenant,
		wants:  wantRow,
		done:   make(chan error, 1),
	}
	t, ok := h.joinSubscriber(o.ID, after, w)
	if !ok {
		return nil, ErrStopped
	}
	defer h.leaveWaiter(t, w)
	s := &Subscription{
		hub:   h,
		topic: t,
		last:  after,
	}
	var err error
	select {
	case err = <-w.done:
	case <-h.stopping:
		err = ErrStopped
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Multiplication = t.row
	if after > t.row.Events { // the number is not from here: begin with what there is now
		s.last = max(0, t.row.Events-1)
		h.cover(t, s.last)
	}
	return s, nil
}

func (h *Hub) joinSubscriber(id uuid.UUID, after int64, w *waiter) (*topic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, since, ok := h.join(id)
	if !ok {
		return nil, false
	}
	w.since = since
	t.waiters[w] = struct{}{}
	if t.subscribers == 0 {
		t.log.reset(max(1, after))
	}
	t.subscribers++
	h.cover(t, after)
	return t, true
}

// cover makes the log of a topic begin early enough for a subscriber that has seen the event of a number. That event
// is kept, too: what the next one changes shows beside it. The caller holds the lock.
func (h *Hub) cover(t *topic, seen int64) {
	if from := max(1, seen); from < t.log.from {
		t.log.reset(from)
		t.stale = true
		signal(h.wake)
	}
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.topic.subscribers--
	if s.topic.subscribers == 0 {
		s.topic.log.reset(1) // frees it
	}
	s.hub.leave(s.topic)
}

// Ended reports whether the last event of a finished multiplication was delivered.
func (s *Subscription) Ended() bool {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.ended()
}

func (s *Subscription) ended() bool {
	return s.topic.row.Finished() && s.last >= s.topic.row.Events
}

// Next returns the next events, at least one, as soon as it happens. Errors: io.EOF when the multiplication has
// finished and its last event was delivered; store.ErrNotFound when it was deleted; ErrStopped when this process
// stops; those of ctx.
func (s *Subscription) Next(ctx context.Context) ([]Event, error) {
	for {
		events, changed, err := s.look()
		if len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-changed:
		case <-s.hub.stopping:
			return nil, ErrStopped
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns the events that the log has, and a channel that is closed when there are more.
func (s *Subscription) look() (events []Event, changed chan struct{}, err error) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	t := s.topic
	if t.log.from <= max(1, s.last) { // else the log is about to be read from an earlier event on
		events = append(events, t.log.after(s.last, nextPage)...)
	}
	switch {
	case len(events) > 0:
		s.last = events[len(events)-1].Number
		if s.ended() {
			row := t.row
			events[len(events)-1].Outcome = &row
		}
	case t.gone:
		err = missing(t.id)
	case s.ended():
		err = io.EOF
	}
	return events, t.changed, err
}

package watch

import (
	"context"
	"io"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// followPage is how many events one call of Next returns at most.
const followPage = 256

// Follower is one who wants to see every event in the life of a product.
type Follower struct {
	Product store.Multiplication // as it was when it began
	hub     *Hub
	topic   *topic
	last    int64 // the number of the newest event that it has seen
}

// Follow begins to follow a product after the event of a number, 0 for all. Close ends it. store.ErrNotFound: there is none
// of that id. ErrStopped: the hub does not run.
func (h *Hub) Follow(ctx context.Context, id uuid.UUID, after int64) (*Follower, error) {
	w := &waiter{wants: wantRow, answer: make(chan answer, 1)}
	t, ok := h.joinFollower(id, after, w)
	if !ok {
		return nil, ErrStopped
	}
	defer h.leaveWaiter(t, w)
	f := &Follower{hub: h, topic: t, last: after}
	var err error
	select {
	case a := <-w.answer:
		err = a.err
	case <-h.stopping:
		err = ErrStopped
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f.Product = t.row
	f.last = min(after, t.row.Events)
	return f, nil
}

func (h *Hub) joinFollower(id uuid.UUID, after int64, w *waiter) (*topic, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, since, ok := h.join(id)
	if !ok {
		return nil, false
	}
	w.since = since
	t.waiters[w] = struct{}{}
	// The event that it has seen last is kept, too: what the next one changes shows only beside it.
	if from := max(1, after); t.followers == 0 || from < t.log.from {
		t.log.reset(from)
	}
	t.followers++
	return t, true
}

// Close ends following.
func (f *Follower) Close() {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.topic.followers--
	if f.topic.followers == 0 {
		f.topic.log.reset(1) // frees it
	}
	f.hub.leave(f.topic)
}

// Ended reports whether the follower has seen the last event of a product that has ended.
func (f *Follower) Ended() bool {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	return f.ended()
}

func (f *Follower) ended() bool {
	return f.topic.row.State.Final() && f.last >= f.topic.row.Events
}

// Next returns the next events, of which there is at least one, as soon as it happens. io.EOF: the product has ended, and
// all of them have been seen. store.ErrNotFound: it has been deleted meanwhile. ErrStopped: this process ends.
func (f *Follower) Next(ctx context.Context) ([]Event, error) {
	for {
		events, news, err := f.look()
		if len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-news:
		case <-f.hub.stopping:
			return nil, ErrStopped
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns the events that there are, and what is closed when there are more.
func (f *Follower) look() (events []Event, news chan struct{}, err error) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	t := f.topic
	if t.log.from <= max(1, f.last) { // else it is for one who claims to have seen more than there is
		events = append(events, t.log.after(f.last, followPage)...)
	}
	switch {
	case len(events) > 0:
		f.last = events[len(events)-1].Number
		if f.ended() {
			product := t.row
			events[len(events)-1].Product = &product
		}
	case t.gone:
		err = missing(t.id)
	case f.ended():
		err = io.EOF
	}
	return events, t.news, err
}

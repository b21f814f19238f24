package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// subscribe begins a subscription.
func (b *testBundle) subscribe(h *Hub, id uuid.UUID, after int64) *Subscription {
	b.t.Helper()
	s, err := h.Subscribe(b.t.Context(), own(id)[0], after)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// take reads n events, each as "number state tiles", with a star when the state has changed.
func (s *Subscription) take(t *testing.T, n int) []string {
	t.Helper()
	var texts []string
	for len(texts) < n {
		events, err := s.Next(t.Context())
		if err != nil {
			t.Fatalf("%v after %q", err, texts)
		}
		for _, e := range events {
			text := fmt.Sprintf("%d %s %d", e.Number, e.State, e.TilesCompleted)
			if e.StateChanged {
				text += " *"
			}
			texts = append(texts, text)
			if time.Since(e.At) > time.Hour || time.Since(e.At) < 0 {
				t.Errorf("event %d was at %s", e.Number, e.At)
			}
		}
	}
	return texts
}

// expect compares events, and what follows them, with what there should be.
func (s *Subscription) expect(t *testing.T, end error, want ...string) {
	t.Helper()
	if got := s.take(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if end == nil {
		return
	}
	if events, err := s.Next(t.Context()); !errors.Is(err, end) {
		t.Errorf("Next() = %v, %v, want error %v", events, err, end)
	}
}

// TestSubscribe is a whole life, seen by a subscriber from the beginning on and by those that come after the end.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	all := []string{
		"1 pending 0 *", "2 in_progress 0 *", "3 in_progress 1", "4 cancelled 1 *", "5 in_progress 1 *", "6 in_progress 2",
		"7 in_progress 3", "8 completed 4 *",
	}
	id := b.submit(4)
	early := b.subscribe(b.hub, id, 0)
	defer func() { early.Close() }()
	early.expect(t, nil, all[0])
	b.start(id)
	b.publisher.Changed(id)
	b.work(id, true)
	early.expect(t, nil, all[1:3]...)
	b.end(id, "cancelled", "")
	early.expect(t, io.EOF, all[3])
	b.reopen(id)
	early.Close()
	early = b.subscribe(b.hub, id, 4)
	for range 3 {
		b.work(id, false) // found by the poll
	}
	early.expect(t, io.EOF, all[4:]...)
	other := b.newHub(b.hub.log)
	for _, h := range []*Hub{b.hub, other} {
		for after := range len(all) {
			s := b.subscribe(h, id, int64(after))
			if s.Ended() {
				t.Errorf("after event %d: Ended() = true, want false", after)
			}
			s.expect(t, io.EOF, all[after:]...)
			s.Close()
		}
		s := b.subscribe(h, id, 8)
		if !s.Ended() {
			t.Error("after event 8: Ended() = false, want true")
		}
		s.Close()
		for _, after := range []int64{9, 1 << 62} { // which is not a number of this multiplication
			s := b.subscribe(h, id, after)
			if s.Ended() {
				t.Errorf("after event %d: Ended() = true, want false", after)
			}
			s.expect(t, io.EOF, all[7:]...)
			s.Close()
		}
	}
	var rows int
	if err := b.store.Pool.QueryRow(t.Context(), "SELECT count(*) FROM multiplication_events").Scan(&rows); err != nil || rows != 6 {
		t.Errorf("the log has %d rows, %v, want 6", rows, err)
	}
}

// TestOutcome: the last event brings the finished multiplication, the others do not.
func TestOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	b.end(id, "cancelled", "")
	b.reopen(id)
	const reason = "why"
	b.end(id, "failed", reason)
	s := b.subscribe(b.hub, id, 0)
	defer s.Close()
	var events []Event
	for {
		more, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, more...)
	}
	for i, e := range events {
		if last := i == len(events)-1; last != (e.Outcome != nil) {
			t.Errorf("event %d has the outcome %v, want one in the last event only", e.Number, e.Outcome)
		}
	}
	if got := events[len(events)-1].Outcome.Failure; got == nil || *got != reason {
		t.Errorf("the failure is %v, want %s", got, reason)
	}
}

// TestOneTileLogsNothing: a multiplication of one tile has no rows in the log, since its own row tells its events.
func TestOneTileLogsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)
	b.work(id, true)
	s := b.subscribe(b.hub, id, 0)
	defer s.Close()
	s.expect(t, io.EOF, "1 pending 0 *", "2 completed 1 *")
	var rows int
	if err := b.store.Pool.QueryRow(t.Context(), "SELECT count(*) FROM multiplication_events").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("the log has %d rows, %v, want 0", rows, err)
	}
}

// TestSubscribeFromBeforeTheLog: multiplications from before there was a log have one event, their present state.
func TestSubscribeFromBeforeTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(3)
	b.work(id, false)
	if _, err := b.store.Pool.Exec(t.Context(), `WITH log AS (DELETE FROM multiplication_events) UPDATE multiplications SET events = 1`); err != nil {
		t.Fatal(err)
	}
	s := b.subscribe(b.hub, id, 0)
	defer s.Close()
	s.expect(t, nil, "1 in_progress 1 *")
	b.work(id, true)
	s.expect(t, nil, "2 in_progress 2")
	b.work(id, true)
	s.expect(t, io.EOF, "3 completed 3 *")
}

// TestSubscribeLongLog: logs of more than a page, read by several subscribers from different places on.
func TestSubscribeLongLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const tiles = 2*eventsPage + 300
	id := b.submit(tiles)
	b.start(id)
	// As if each tile but two had been done, one by one.
	for _, sql := range []string{
		`INSERT INTO multiplication_events SELECT $1, i + 2, now(), 'in_progress', i FROM generate_series(1, $2::bigint - 2) AS i`,
		`UPDATE multiplications SET events = $2::bigint WHERE id = $1`,
		`UPDATE multiplications SET tiles_completed = $2::bigint - 1 WHERE id = $1`,
	} {
		if _, err := b.store.Pool.Exec(t.Context(), sql, id, tiles); err != nil {
			t.Fatal(err)
		}
	}
	ends := make(chan error)
	subscribers := []int64{tiles - 1, tiles / 2, 0, 7}
	for _, after := range subscribers {
		s := b.subscribe(b.hub, id, after)
		go func() {
			defer s.Close()
			ends <- s.consecutive(t.Context(), after, tiles+2)
		}()
	}
	b.work(id, true)
	for range subscribers {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// consecutive reads the events up to the last and reports a number that is not the next.
func (s *Subscription) consecutive(ctx context.Context, after, last int64) error {
	for {
		events, err := s.Next(ctx)
		if errors.Is(err, io.EOF) && after == last {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w after %d", err, after)
		}
		for _, e := range events {
			if after++; e.Number != after {
				return fmt.Errorf("%d comes instead of %d", e.Number, after)
			}
		}
	}
}

func TestSubscribeDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	s := b.subscribe(b.hub, id, 0)
	defer s.Close()
	s.expect(t, nil, "1 pending 0 *")
	b.delete(id)
	s.expect(t, store.ErrNotFound)
	if _, err := b.hub.Subscribe(t.Context(), own(id)[0], 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Subscribe() = %v, want another error", err)
	}
}

func TestSubscribeStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	s := b.subscribe(b.hub, id, 1)
	defer s.Close()
	b.hub.Stop()
	s.expect(t, ErrStopped)
	if _, err := b.hub.Subscribe(t.Context(), own(id)[0], 0); !errors.Is(err, ErrStopped) {
		t.Errorf("Subscribe() = %v, want another error", err)
	}
}

// TestSubscribeCost: many subscribers of one multiplication cost a few queries.
func TestSubscribeCost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const clients, tiles = 300, 20
	id := b.submit(tiles)
	before := b.queries.Load()
	ends := make(chan error)
	for range clients {
		go func() {
			s, err := b.hub.Subscribe(t.Context(), own(id)[0], 0)
			if err == nil {
				err = s.consecutive(t.Context(), 0, tiles+1)
				s.Close()
			}
			ends <- err
		}()
	}
	b.joined(id, clients)
	for range tiles {
		b.work(id, true)
	}
	for range clients {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if n := b.queries.Load() - before; n > clients {
		t.Errorf("%d subscribers cost %d queries, want at most as many", clients, n)
	}
	eventually(t, "nothing is watched", func() bool { return b.hub.Watched() == 0 })
}

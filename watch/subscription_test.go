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

// follow begins to follow a product.
func (b *testBundle) follow(h *Hub, id uuid.UUID, after int64) *Follower {
	b.t.Helper()
	f, err := h.Follow(b.t.Context(), id, after)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// take reads n events, each as "number state tiles", with a star when the state has changed.
func (f *Follower) take(t *testing.T, n int) []string {
	t.Helper()
	var texts []string
	for len(texts) < n {
		events, err := f.Next(t.Context())
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
func (f *Follower) expect(t *testing.T, end error, want ...string) {
	t.Helper()
	if got := f.take(t, len(want)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if end == nil {
		return
	}
	if events, err := f.Next(t.Context()); !errors.Is(err, end) {
		t.Errorf("it ends with %v, %v, want %v", events, err, end)
	}
}

// A whole life, seen by one who is there from the beginning and by those who come when all is over.
func TestFollow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	all := []string{
		"1 pending 0 *", "2 in_progress 0 *", "3 in_progress 1", "4 cancelled 1 *", "5 in_progress 1 *", "6 in_progress 2",
		"7 in_progress 3", "8 completed 4 *",
	}
	id := b.submit(4)
	witness := b.follow(b.hub, id, 0)
	defer func() { witness.Close() }()
	witness.expect(t, nil, all[0])
	if _, err := b.store.StartMultiplication(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.changes.Changed(id)
	b.work(id, true)
	witness.expect(t, nil, all[1:3]...)
	b.end(id, store.Cancelled)
	witness.expect(t, io.EOF, all[3])
	b.reopen(id)
	witness.Close()
	witness = b.follow(b.hub, id, 4)
	for range 3 {
		b.work(id, false) // found by the poll
	}
	witness.expect(t, io.EOF, all[4:]...)
	other := b.newHub(b.hub.log)
	for _, h := range []*Hub{b.hub, other} {
		for after := range len(all) {
			f := b.follow(h, id, int64(after))
			if f.Ended() {
				t.Errorf("nothing comes after %d", after)
			}
			f.expect(t, io.EOF, all[after:]...)
			f.Close()
		}
		for _, after := range []int64{8, 9, 1 << 62} {
			f := b.follow(h, id, after)
			if !f.Ended() {
				t.Errorf("something comes after %d", after)
			}
			f.Close()
		}
	}
	var rows int
	if err := b.store.Pool.QueryRow(t.Context(), "SELECT count(*) FROM multiplication_events").Scan(&rows); err != nil || rows != 6 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// The last event brings the product as it has ended, the others do not.
func TestFollowToTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	b.end(id, store.Cancelled)
	b.reopen(id)
	reason := "why"
	if _, err := b.store.EndMultiplication(t.Context(), store.EndMultiplicationParams{
		ID: id, State: store.Failed, Failure: &reason, Retention: time.Hour,
	}); err != nil {
		t.Fatal(err)
	}
	f := b.follow(b.hub, id, 0)
	defer f.Close()
	var events []Event
	for {
		more, err := f.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, more...)
	}
	for i, e := range events {
		if last := i == len(events)-1; last != (e.Product != nil) {
			t.Errorf("event %d has the product %v", e.Number, e.Product)
		}
	}
	if p := events[len(events)-1].Product; *p.Failure != reason {
		t.Errorf("failure %v", p.Failure)
	}
}

// A small product has no rows in the log: its own tells all.
func TestSmallProductsLogNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(1)
	b.work(id, true)
	f := b.follow(b.hub, id, 0)
	defer f.Close()
	f.expect(t, io.EOF, "1 pending 0 *", "2 completed 1 *")
	var rows int
	if err := b.store.Pool.QueryRow(t.Context(), "SELECT count(*) FROM multiplication_events").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// Products from before there was a log have one event: what they are.
func TestFollowFromBeforeTheLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(3)
	b.work(id, false)
	if _, err := b.store.Pool.Exec(t.Context(), `WITH log AS (DELETE FROM multiplication_events) UPDATE multiplications SET events = 1`); err != nil {
		t.Fatal(err)
	}
	f := b.follow(b.hub, id, 0)
	defer f.Close()
	f.expect(t, nil, "1 in_progress 1 *")
	b.work(id, true)
	f.expect(t, nil, "2 in_progress 2")
	b.work(id, true)
	f.expect(t, io.EOF, "3 completed 3 *")
}

// Logs of more than a page, by several who come at different places.
func TestFollowLongLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const tiles = 2*eventsPage + 300
	id := b.submit(tiles)
	if _, err := b.store.StartMultiplication(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	// As if all tiles but two had been done, one by one.
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
	followers := []int64{tiles - 1, tiles / 2, 0, 7}
	for _, after := range followers {
		f := b.follow(b.hub, id, after)
		go func() {
			defer f.Close()
			ends <- f.consecutive(t.Context(), after, tiles+2)
		}()
	}
	b.work(id, true)
	for range followers {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// consecutive reads all events and reports a number that is not the next.
func (f *Follower) consecutive(ctx context.Context, after, last int64) error {
	for {
		events, err := f.Next(ctx)
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

func TestFollowDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	f := b.follow(b.hub, id, 0)
	defer f.Close()
	f.expect(t, nil, "1 pending 0 *")
	if _, err := b.store.DeleteMultiplication(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.changes.Ended(id)
	f.expect(t, store.ErrNotFound)
	if _, err := b.hub.Follow(t.Context(), id, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestFollowStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	f := b.follow(b.hub, id, 1)
	defer f.Close()
	b.hub.Stop()
	f.expect(t, ErrStopped)
	if _, err := b.hub.Follow(t.Context(), id, 0); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// Many who stream one product cost a few queries.
func TestFollowCost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const clients, tiles = 300, 20
	id := b.submit(tiles)
	before := b.queries.Load()
	ends := make(chan error)
	for range clients {
		go func() {
			f, err := b.hub.Follow(t.Context(), id, 0)
			if err == nil {
				err = f.consecutive(t.Context(), 0, tiles+1)
				f.Close()
			}
			ends <- err
		}()
	}
	b.waiting(id, clients)
	for range tiles {
		b.work(id, true)
	}
	for range clients {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
	if n := b.queries.Load() - before; n > clients {
		t.Errorf("%d queries", n)
	}
	eventually(t, "nobody follows", func() bool { return b.hub.Followed() == 0 })
}

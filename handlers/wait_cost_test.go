package handlers

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
)

// wait calls API.wait for each id in the background.
func (b *viewsBundle) wait(t *testing.T, limit time.Duration, ids []uuid.UUID) chan result {
	t.Helper()
	results := make(chan result, len(ids))
	for _, id := range ids {
		go func() {
			v, err := b.api.wait(identity.With(t.Context(), identity.Local()), id, Waiting{limit: limit})
			results <- result{v, err}
		}()
	}
	return results
}

// TestWaitCost: many waiters cost a few round trips, however many they are.
func TestWaitCost(t *testing.T) {
	t.Parallel()
	b := setupViews(t)
	ids := submitPending(t, b.api, waiters)
	const few = 100 // two polls for each second that this takes on a slow machine
	for _, c := range []struct {
		name    string
		limit   time.Duration
		ids     []uuid.UUID
		watched int
	}{
		{"one multiplication", time.Hour, repeated(ids[0]), 1},
		{"many multiplications", time.Hour, ids, waiters},
		{"a limit that is over", time.Millisecond, repeated(ids[0]), 0},
	} {
		b.exec(t, "UPDATE multiplications SET state = 'pending', finished_at = NULL")
		before := b.trips.count.Load()
		results := b.wait(t, c.limit, c.ids)
		want := jobs.Pending
		if c.watched > 0 {
			want = jobs.Cancelled
			for b.api.hub.Watched() < c.watched {
				time.Sleep(time.Millisecond) // between two looks
			}
			b.exec(t, "UPDATE multiplications SET state = 'cancelled', finished_at = now()")
		}
		for range c.ids {
			if r := <-results; r.err != nil || r.body.State != string(want) {
				t.Fatalf("%s: wait() = %+v, %v, want it %s", c.name, r.body, r.err, want)
			}
		}
		if n := b.trips.count.Load() - before; n > few {
			t.Errorf("%s: %d round trips for %d waiters, want at most %d", c.name, n, waiters, few)
		}
		b.idle(t)
	}
}

package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/store"
)

// TestPlaceInLine: a job that failed, was snoozed, interrupted or stopped comes before those that were enqueued after
// it, once its pause is over, also when River UI puts it back.
func TestPlaceInLine(t *testing.T) {
	fails := func(context.Context, *river.Job[tileArgs]) error { return errors.New("failed") }
	snoozes := func(d time.Duration) work {
		return func(context.Context, *river.Job[tileArgs]) error { return river.JobSnooze(d) }
	}
	hangs := func(ctx context.Context, _ *river.Job[tileArgs]) error {
		<-ctx.Done()
		return ctx.Err()
	}
	const due = "UPDATE river_job SET scheduled_at = now() WHERE state IN ('retryable', 'scheduled')"
	for name, test := range map[string]struct {
		work  work
		after func(b *testBundle, c *Client, g Group) // puts it back, when the attempt has ended
	}{
		"failed":         {fails, func(*testBundle, *Client, Group) {}},
		"snoozed":        {snoozes(time.Second), func(*testBundle, *Client, Group) {}},
		"snoozed longer": {snoozes(time.Hour), func(b *testBundle, _ *Client, _ Group) { b.exec(due) }},
		"interrupted":    {hangs, func(*testBundle, *Client, Group) {}},
		"retried": {fails, func(b *testBundle, c *Client, g Group) {
			b.exec("UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE id = $1", g.First)
			err := b.store.InTx(b.t.Context(), func(tx *store.Tx) error { return c.RequeueTx(b.t.Context(), tx, g) })
			if err != nil {
				b.t.Fatal(err)
			}
		}},
		"retried in River UI": {fails, func(b *testBundle, c *Client, g Group) {
			b.exec("UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE id = $1", g.First)
			if _, err := c.river.JobRetry(b.t.Context(), g.First); err != nil {
				b.t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			first := b.client(Config{Work: true, SoftStop: time.Millisecond}, test.work)
			group := b.enqueue(first, Tiles, 5, 5, 5)
			b.exec("UPDATE river_job SET scheduled_at = now() - interval '1 hour'")
			if err := first.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.untilJobs(1, "attempted_at IS NOT NULL")
			if name != "interrupted" {
				b.untilJobs(0, "state = 'running'")
			}
			first.Stop()
			b.enqueue(first, Tiles, fourM, fourK, fourN)
			test.after(b, first, group)

			order := make(chan *rivertype.JobRow, 5)
			second := b.client(Config{Work: true, Tiles: 1}, func(_ context.Context, j *river.Job[tileArgs]) error {
				order <- j.JobRow
				return nil
			})
			b.untilAvailable(second, 5)
			before := query[time.Time](b, "SELECT now()")
			if err := second.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			job := receive(t, "first job", order)
			if job.ID != group.First {
				t.Errorf("got job %d first, want %d", job.ID, group.First)
			}
			if waited := before.Sub(DueSince(job)); waited > 30*time.Minute {
				t.Errorf("it says that it has waited for %s, want since it was put back", waited)
			}
		})
	}
}

// TestPauseIsKept: a job whose pause is not over does not run, although its place in line is the first.
func TestPauseIsKept(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	group := b.enqueue(c, Tiles, 5, 5, 5)
	b.exec("UPDATE river_job SET state = 'running'")
	b.exec("UPDATE river_job SET state = 'available', scheduled_at = now() + interval '4 seconds'") // as River does
	c.promote(t.Context())
	if state := query[string](b, "SELECT state::text FROM river_job WHERE id = $1", group.First); state == "available" {
		t.Errorf("the job is %s during its pause, want it to wait", state)
	}
}

// TestRequeueIsBounded: neither the number of attempts nor the history of errors of a tile grows without end.
func TestRequeueIsBounded(t *testing.T) {
	b := setup(t)
	c := b.client(Config{}, idle)
	group := b.enqueue(c, Tiles, 5, 5, 5)
	b.exec(`UPDATE river_job SET state = 'discarded', finalized_at = now(), attempt = 32767, max_attempts = 32767,
		errors = (SELECT array_agg(jsonb_build_object('attempt', n)) FROM generate_series(1, 60) AS n)`)
	err := b.store.InTx(t.Context(), func(tx *store.Tx) error { return c.RequeueTx(t.Context(), tx, group) })
	if err != nil {
		t.Fatal(err)
	}
	got := []int{
		query[int](b, "SELECT attempt::int FROM river_job"),
		query[int](b, "SELECT max_attempts::int FROM river_job"),
		query[int](b, "SELECT array_length(errors, 1) FROM river_job"),
		query[int](b, "SELECT (errors[50]->>'attempt')::int FROM river_job"),
	}
	if want := []int{0, MaxAttempts, 50, 60}; !slices.Equal(got, want) {
		t.Errorf("attempt, max_attempts, number of errors and the last error = %d, want %d", got, want)
	}
}

// untilJobs waits until n jobs meet a condition.
func (b *testBundle) untilJobs(n int, condition string) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for query[int](b, "SELECT count(*)::int FROM river_job WHERE "+condition) != n {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("there are never %d jobs with %s", n, condition)
		}
	}
}

// untilAvailable waits until n jobs are available, of which some may be in a pause.
func (b *testBundle) untilAvailable(c *Client, n int) {
	b.t.Helper()
	timeout := time.After(waitTimeout)
	for query[int](b, "SELECT count(*)::int FROM river_job WHERE state = 'available'") != n {
		c.promote(b.t.Context())
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			b.t.Fatalf("there are never %d available jobs", n)
		}
	}
}

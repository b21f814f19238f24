package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riverqueue/river"
)

// TestLateReports: whatever an attempt reports after the job was given to another process, has no effect on the
// attempt of that process, and leaves no trace in the job.
func TestLateReports(t *testing.T) {
	b := setup(t)
	reports := []work{
		idle,
		func(context.Context, *river.Job[tileArgs]) error { return errors.New("late") },
		func(context.Context, *river.Job[tileArgs]) error { return river.JobCancel(errors.New("late")) },
		func(context.Context, *river.Job[tileArgs]) error { return river.JobSnooze(0) },
		func(context.Context, *river.Job[tileArgs]) error { return river.JobSnooze(time.Hour) },
		func(context.Context, *river.Job[tileArgs]) error { panic("late") },
	}
	began := make(chan int64, len(reports))
	thaw := make(chan struct{})
	frozen := b.client(Config{Work: true, Tiles: len(reports)}, func(ctx context.Context, j *river.Job[tileArgs]) error {
		began <- j.ID
		<-thaw
		return reports[j.Args.Tile](ctx, j)
	})
	for i := range reports {
		_, err := frozen.river.Insert(t.Context(), tileArgs{Tile: int64(i)}, &river.InsertOpts{
			Queue:       Tiles,
			MaxAttempts: i%2 + 1, // also of last attempts
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := frozen.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range reports {
		receive(t, "attempt of the frozen process", began)
	}
	b.exec("UPDATE river_job SET state = 'available', attempt = attempt - 1") // as by Rescue

	end := make(chan struct{})
	b.start(Config{Work: true, Tiles: len(reports)}, func(_ context.Context, j *river.Job[tileArgs]) error {
		began <- j.ID
		<-end
		return nil
	})
	for range reports {
		receive(t, "attempt of the other process", began)
	}
	const state = "SELECT coalesce(string_agg(concat(state, ' ', attempt, ' ', errors, metadata), ', ' ORDER BY id), '') FROM river_job"
	before := query[string](b, state)
	close(thaw)
	frozen.Stop() // it has reported
	if after := query[string](b, state); after != before {
		t.Errorf("after the late reports the jobs are %s, want %s", after, before)
	}
	close(end)
	timeout := time.After(waitTimeout)
	const completed = "SELECT count(*)::int FROM river_job WHERE state = 'completed' AND NOT metadata ? 'output'"
	for query[int](b, completed) < len(reports) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			t.Fatalf("the jobs are %s, want all completed", query[string](b, state))
		}
	}
}

// TestLateOrderToStop: an order to stop that comes when its job was retried, and runs again, interrupts the new attempt:
// the job runs once more, and has lost no attempt. One that is meant ends the job.
func TestLateOrderToStop(t *testing.T) {
	b := setup(t)
	began := make(chan int64, 10)
	c := b.start(Config{Work: true}, func(ctx context.Context, job *river.Job[tileArgs]) error {
		began <- int64(job.Attempt)
		<-ctx.Done()
		return ctx.Err()
	})
	id := b.insert(c.river, Tiles)
	for range 3 {
		if attempt := receive(t, "attempt", began); attempt != 1 {
			t.Errorf("attempt %d, want 1 again", attempt)
		}
		b.exec(`SELECT pg_notify(current_schema() || '.river_control',
			json_build_object('action', 'cancel', 'job_id', $1::bigint, 'queue', $2::text)::text)`, id, Tiles)
	}
	receive(t, "attempt", began)
	if _, err := c.river.JobCancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	timeout := time.After(waitTimeout)
	const ended = "SELECT concat(state, ' ', cardinality(errors)) FROM river_job WHERE id = $1"
	for query[string](b, ended, id) != "cancelled 1" {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			t.Fatalf("the job is %s, want it cancelled with one error", query[string](b, ended, id))
		}
	}
}

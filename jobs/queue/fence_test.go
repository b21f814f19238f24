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

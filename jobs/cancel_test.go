package jobs_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

func TestCancelPending(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	id := b.submit(c, fourM, fourK, fourN)
	for range 2 { // the second time is no error
		if err := b.cancel(c, id); err != nil {
			t.Fatal(err)
		}
	}
	b.ends(id, jobs.Cancelled)
	b.untilJobsEnd(id)
}

func TestCancelRunning(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.start()
	id := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	b.until(id, "in progress", func(m jobs.Multiplication) bool { return m.State == jobs.InProgress })
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	release()
	b.untilJobsEnd(id)
	if m := b.ends(id, jobs.Cancelled); m.TilesCompleted != 0 {
		t.Errorf("got %d tiles counted after the end, want 0", m.TilesCompleted)
	}
}

func TestCancelTooLate(t *testing.T) {
	b := setup(t)
	c := b.start()
	id := b.submit(c, 2, 2, 2)
	b.ends(id, jobs.Completed)
	if err := b.cancel(c, id); !errors.Is(err, jobs.ErrFinished) {
		t.Errorf("CancelTx() of a completed multiplication = %v, want %v", err, jobs.ErrFinished)
	}
	if err := b.cancel(c, uuid.New()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("CancelTx() of an unknown id = %v, want %v", err, store.ErrNotFound)
	}
}

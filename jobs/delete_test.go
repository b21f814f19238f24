package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestDelete: what has ended is deleted with its result, and its blocks, unless that is an operand of another one; what
// has not ended is not.
func TestDelete(t *testing.T) {
	b := setup(t)
	c := b.start()
	first := b.ends(b.submit(c, 300, 2, 300), jobs.Completed)
	second, err := b.trySubmit(c, jobs.Submission{
		A:        jobs.Operand{Matrix: b.matrix(first.C.ID), Stored: true},
		B:        random(300, 1, 1),
		Priority: jobs.DefaultPriority,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.ends(second.ID, jobs.Completed)
	if err := b.delete(c, store.NewMultiplicationID()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("DeleteTx() of what is not there: %v, want %v", err, store.ErrNotFound)
	}
	if err := b.delete(c, first.ID); err != nil {
		t.Fatal(err)
	}
	if m := b.matrix(first.C.ID); m.State != store.Ready {
		t.Errorf("the result that is an operand is %s, want ready", m.State)
	}
	err = b.deleteMatrix(c, first.C.ID)
	if !errors.Is(err, jobs.ErrInUse) || !strings.Contains(err.Error(), second.ID.String()) {
		t.Errorf("DeleteMatrixTx() of an operand: %v, want %v and by what", err, jobs.ErrInUse)
	}
	for _, id := range []uuid.UUID{second.A.ID, second.C.ID} {
		if err := b.deleteMatrix(c, id); !errors.Is(err, jobs.ErrInUse) {
			t.Errorf("DeleteMatrixTx() of a part: %v, want %v", err, jobs.ErrInUse)
		}
	}
	if err := b.delete(c, second.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.deleteMatrix(c, second.C.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the result of the deleted one: %v, want %v", err, store.ErrNotFound)
	}
	if err := b.deleteMatrix(c, first.C.ID); err != nil {
		t.Errorf("DeleteMatrixTx() when nothing uses it: %v, want nil", err)
	}
	if owners, err := blocks.AllOwners(t.Context(), b.store.Blocks); err != nil || len(owners) != 0 {
		t.Errorf("blocks of %v are left, %v, want none", owners, err)
	}
}

// TestDeleteActive: what is worked on, and its result, are not deleted.
func TestDeleteActive(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	id := b.submit(c, 300, 2, 300)
	if err := b.delete(c, id); !errors.Is(err, jobs.ErrActive) {
		t.Errorf("DeleteTx() = %v, want %v", err, jobs.ErrActive)
	}
	if m, err := c.Get(t.Context(), identity.DefaultTenant, id); err != nil || m.State != jobs.Pending {
		t.Errorf("Get() = %s, %v, want it pending", m.State, err)
	}
	if err := b.cancel(c, id); err != nil {
		t.Fatal(err)
	}
	if err := b.delete(c, id); err != nil {
		t.Errorf("DeleteTx() of a cancelled one = %v, want nil", err)
	}
}

// TestDeleteUnready: a matrix that is being written is not deleted.
func TestDeleteUnready(t *testing.T) {
	b := setup(t)
	m := b.upload(200, 200)
	b.exec("UPDATE matrices SET state = 'uploading'")
	if err := b.deleteMatrix(b.client(queue.Config{}), m.ID); !errors.Is(err, store.ErrNotReady) {
		t.Errorf("DeleteMatrixTx() = %v, want %v", err, store.ErrNotReady)
	}
}

// TestDeletedBlocksAreTold: that the blocks of a matrix cannot be deleted is logged, and the sweep deletes them; that
// they were is not.
func TestDeletedBlocksAreTold(t *testing.T) {
	b := setup(t)
	for name, test := range map[string]struct {
		blocks blocks.Store
		want   bool
	}{
		"deleted":     {b.store.Blocks, false},
		"not deleted": {keptBlocks{b.store.Blocks}, true},
	} {
		m := b.upload(200, 200)
		log := &lines{}
		s := store.Open(b.store.Pool, test.blocks, time.Hour)
		c, err := jobs.NewClient(s, nil, queue.Config{}, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Stop)
		if err := b.deleteMatrix(c, m.ID); err != nil {
			t.Errorf("%s: DeleteMatrixTx() = %v, want nil", name, err)
		}
		if told := len(log.of(m.ID)) > 0; told != test.want {
			t.Errorf("%s: told %t, want %t", name, told, test.want)
		}
	}
}

// keptBlocks is a block store in which nothing can be deleted.
type keptBlocks struct{ blocks.Store }

// Delete implements blocks.Store.
func (keptBlocks) Delete(context.Context, uuid.UUID) error { return blocks.ErrUnavailable }

// TestFullStore: a tile whose rows have no room waits before it is computed, or when it cannot be written, and loses no
// attempt.
func TestFullStore(t *testing.T) {
	for name, full := range map[string]fullBlocks{
		"before":     {free: 8*300*300 - 1},
		"afterwards": {free: 8 * 300 * 300},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			m := b.submit(b.client(queue.Config{}), 300, 2, 300)
			full.Store = b.store.Blocks
			c := b.clientOn(store.Open(b.store.Pool, full, time.Hour), queue.Config{Work: true, Lead: true})
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.untilCount(1, "SELECT count(*) FROM river_job WHERE state = 'scheduled' AND scheduled_at > now() + interval '12 s'")
			if called := b.kernel.calls.Load() > 0; called != (name == "afterwards") {
				t.Errorf("the kernel was called: %t, want only if the tile seemed to have room", called)
			}
			got, err := b.observer.Get(t.Context(), identity.DefaultTenant, m)
			if err != nil || got.State.Final() || len(got.Errors) > 0 {
				t.Errorf("Get() = %+v, %v, want it active and without errors", got, err)
			}
		})
	}
}

// fullBlocks is a block store in which nothing can be written, whatever it says.
type fullBlocks struct {
	blocks.Store
	free int64
}

// Space implements blocks.Store.
func (f fullBlocks) Space() blocks.Space { return blocks.Space{Free: f.free, Total: 1 << 40} }

// Put implements blocks.Store.
func (fullBlocks) Put(context.Context, uuid.UUID, int64, []byte) error { return blocks.ErrFull }

// TestJobsPage: River UI shows the jobs in the state that tells most.
func TestJobsPage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state    jobs.State
		progress queue.Progress
		want     queue.JobState
	}{
		{jobs.Pending, queue.Progress{}, queue.JobAvailable},
		{jobs.InProgress, queue.Progress{Running: 1, Retrying: 1}, queue.JobRunning},
		{jobs.InProgress, queue.Progress{Retrying: 1}, queue.JobRetryable},
		{jobs.InProgress, queue.Progress{}, queue.JobRunning},
		{jobs.Completed, queue.Progress{}, queue.JobCompleted},
		{jobs.Failed, queue.Progress{Discarded: 1}, queue.JobDiscarded},
		{jobs.Failed, queue.Progress{}, queue.JobCancelled},
		{jobs.Cancelled, queue.Progress{}, queue.JobCancelled},
	} {
		m := jobs.Multiplication{
			State:    test.state,
			Progress: test.progress,
			Jobs:     queue.Group{First: 1, Last: 2},
		}
		if got := m.JobsPage(); !strings.Contains(got, string(test.want)) {
			t.Errorf("%s, %+v: %s, want jobs that are %s", test.state, test.progress, got, test.want)
		}
	}
}

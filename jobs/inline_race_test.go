package jobs_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// completing has the row of an inline multiplication be completed by a transaction that is not committed yet.
func (b *testBundle) completing(id uuid.UUID) (commit func()) {
	b.t.Helper()
	tx, err := b.watch.Pool.Begin(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = tx.Rollback(b.t.Context()) })
	_, err = tx.Exec(b.t.Context(), `WITH done AS (DELETE FROM inline_pending WHERE id = $1 RETURNING *)
		INSERT INTO inline_completed
		SELECT id, job, now(), now(), priority, m, k, n, a_float32, b_float32, checksum, $2, operands, $3 FROM done`,
		id, int32(inline.Checksum(make([]byte, 8))), make([]byte, 8))
	if err != nil {
		b.t.Fatal(err)
	}
	return func() {
		b.t.Helper()
		b.untilCount(1, "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT granted "+
			"AND a.datname = current_database()")
		if err := tx.Commit(b.t.Context()); err != nil {
			b.t.Error(err)
		}
	}
}

// TestInlineCompletedMeanwhile: what looks for an inline multiplication while it is being completed finds it when it is
// completed: nothing says for a moment that it does not exist.
func TestInlineCompletedMeanwhile(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	for name, op := range map[string]struct {
		do   func(id uuid.UUID) error
		want error
	}{
		"cancel": {func(id uuid.UUID) error { return b.cancel(c, id) }, jobs.ErrFinished},
		"retry":  {func(id uuid.UUID) error { return b.retry(c, id) }, jobs.ErrCompleted},
		"delete": {func(id uuid.UUID) error {
			return b.store.For(identity.DefaultTenant).InTx(t.Context(), func(tx *store.TenantTx) error { return c.DeleteTx(t.Context(), tx, id) })
		}, nil},
		"delete an operand": {func(id uuid.UUID) error { return b.deleteMatrix(c, inline.PartA.ID(id)) }, jobs.ErrInUse},
		"delete the result": {func(id uuid.UUID) error { return b.deleteMatrix(c, inline.PartC.ID(id)) }, jobs.ErrInUse},
		"use an operand":    {func(id uuid.UUID) error { return b.use(c, inline.PartB.ID(id)) }, nil},
	} {
		id := b.accept(c, b.offer(c, 1, 1, 1, 1))[0]
		commit := b.completing(id)
		ended := make(chan error)
		go func() { ended <- op.do(id) }()
		commit()
		if err := <-ended; !errors.Is(err, op.want) {
			t.Errorf("%s: %v, want %v", name, err, op.want)
		}
	}
}

// TestInlineFrozenWorker: a worker that was taken to be lost reports when its job waits again and has got another
// multiplication. That one is computed.
func TestInlineFrozenWorker(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	first := b.offer(c, 1, 1, 1, 3)
	b.accept(c, first)
	job := b.count("SELECT id FROM river_job WHERE kind = 'multiply_inline'")
	second := b.accept(c, b.offer(c, 1, 1, 1, 2))[0]
	b.exec("UPDATE inline_pending SET job = $1", job) // as if the bundle was open, and for longer than it is
	b.exec("UPDATE river_job SET args = args || jsonb_build_object('last', $2::text) WHERE id = $1", job, second.String())
	first.Result = matrix.AsBytes([]float64{9})
	first.ResultChecksum = inline.Checksum(first.Result)
	done, err := c.Queue().Complete(t.Context(), queue.Bundle{
		Job:   job,
		First: first.ID,
		Last:  first.ID,
	}, time.Now().Add(-time.Minute), []inline.Multiplication{first.Multiplication})
	if err != nil || len(done) != 1 {
		t.Errorf("Complete() = %v, %v, want the first one", done, err)
	}
	b.wantCounts(bundles+" AND finalized_at IS NULL AND id = "+strconv.FormatInt(job, 10), 1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(second, jobs.Completed)
	b.expectResult(first.ID)
}

// use submits a multiplication of a matrix of the store, 1×1, with itself.
func (b *testBundle) use(c *jobs.Client, id uuid.UUID) error {
	m := store.Matrix{
		ID:    id,
		Rows:  1,
		Cols:  1,
		DType: float64s(1, 1).DType,
	}
	_, err := b.trySubmit(c, jobs.Submission{
		A:        jobs.Operand{Matrix: m, Stored: true},
		B:        jobs.Operand{Matrix: m, Stored: true},
		Priority: 1,
	})
	return err
}

package jobs_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// inlineOperand is a small operand that comes with a submission; its elements are x, x+1 and so on.
func inlineOperand(rows, cols int64, x float64) jobs.Operand {
	content := make([]float64, rows*cols)
	for i := range content {
		content[i] = x + float64(i)
	}
	shape := float64s(rows, cols)
	return jobs.Operand{Matrix: store.Matrix{
		ID:      store.NewID(),
		Rows:    rows,
		Cols:    cols,
		DType:   shape.DType,
		Source:  store.FromInline,
		State:   store.Ready,
		Content: matrix.AsBytes(content),
		Digest:  npy.Digest(shape, matrix.AsBytes(content)),
	}}
}

// offer returns an inline multiplication that can be accepted.
func (b *testBundle) offer(c *jobs.Client, m, k, n int64, x float64) queue.Offer {
	b.t.Helper()
	i, _, ok, err := c.Inline(identity.DefaultTenant, jobs.Submission{
		A:        inlineOperand(m, k, x),
		B:        inlineOperand(k, n, x),
		Priority: jobs.DefaultPriority,
	})
	if err != nil || !ok {
		b.t.Fatalf("Inline() = %v, %v, want an inline multiplication", ok, err)
	}
	return queue.Offer{Multiplication: i}
}

// accept submits inline multiplications together.
func (b *testBundle) accept(c *jobs.Client, offers ...queue.Offer) []uuid.UUID {
	b.t.Helper()
	ids := make([]uuid.UUID, len(offers))
	for i, err := range c.Accept(b.t.Context(), offers...) {
		if err != nil {
			b.t.Fatal(err)
		}
		ids[i] = offers[i].ID
	}
	return ids
}

const (
	pendingRows   = "SELECT count(*) FROM inline_pending"
	completedRows = "SELECT count(*) FROM inline_completed"
	ordinaryRows  = "SELECT count(*) FROM multiplications"
	bundles       = "SELECT count(*) FROM river_job WHERE kind = 'multiply_inline'"
	tileJobs      = "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile'"
)

// wantCounts compares what queries count with pairs of a query and a number.
func (b *testBundle) wantCounts(pairs ...any) {
	b.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got, want := b.count(pairs[i].(string)), int64(pairs[i+1].(int)); got != want {
			b.t.Errorf("%s is %d, want %d", pairs[i], got, want)
		}
	}
}

// TestInline: multiplications that come together are one row each and share a job.
func TestInline(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	var offers []queue.Offer
	for i := range int64(10) {
		offers = append(offers, b.offer(c, 1+i, 2+i%3, 3, float64(i)))
	}
	ids := b.accept(c, offers...)
	b.wantCounts(pendingRows, 10, bundles, 1, ordinaryRows, 0)
	if m := b.until(ids[3], "pending", func(m jobs.Multiplication) bool { return m.State == jobs.Pending }); m.TilesTotal != 1 {
		t.Errorf("got %d tiles, want 1", m.TilesTotal)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		m := b.ends(id, jobs.Completed)
		if m.Progress.Attempts != 1 || m.StartedAt == nil || m.FinishedAt.Before(m.CreatedAt) {
			t.Errorf("got %+v, want one attempt, and times", m)
		}
		b.expectResult(id)
	}
	b.wantCounts(pendingRows, 0, completedRows, 10, ordinaryRows, 0, "SELECT count(*) FROM matrices", 0)
	b.untilCount(0, bundles+" AND finalized_at IS NULL")
}

// TestInlineExpands: what happens to few happens to rows of their own, which tell the same.
func TestInlineExpands(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	ids := b.accept(c, b.offer(c, 2, 3, 4, 1), b.offer(c, 2, 3, 4, 2), b.offer(c, 4, 4, 4, 3))
	before := b.until(ids[0], "pending", func(jobs.Multiplication) bool { return true })
	if err := b.cancel(c, ids[0]); err != nil {
		t.Fatal(err)
	}
	cancelled := b.ends(ids[0], jobs.Cancelled)
	if cancelled.A != before.A || cancelled.B != before.B || cancelled.C != before.C || !cancelled.CreatedAt.Equal(before.CreatedAt) {
		t.Errorf("got %+v after the cancellation, want the matrices and the time of %+v", cancelled, before)
	}
	if got, want := b.matrix(before.A.ID).Digest, inlineOperand(2, 3, 1).Matrix.Digest; !bytes.Equal(got, want) {
		t.Errorf("an operand has the digest %x, want %x", got, want)
	}
	b.wantCounts(pendingRows, 2, ordinaryRows, 1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(ids[1], jobs.Completed)
	if err := b.retry(c, ids[0]); err != nil {
		t.Fatal(err)
	}
	b.ends(ids[0], jobs.Completed)
	b.expectResult(ids[0])
	third := b.ends(ids[2], jobs.Completed)
	if err := b.cancel(c, ids[2]); !errors.Is(err, jobs.ErrFinished) {
		t.Errorf("CancelTx() = %v, want %v", err, jobs.ErrFinished)
	}
	// The result is an operand of another multiplication.
	again, err := b.trySubmit(c, jobs.Submission{
		A:        jobs.Operand{Matrix: b.matrix(third.C.ID), Stored: true},
		B:        jobs.Operand{Matrix: b.matrix(third.A.ID), Stored: true},
		Priority: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.ends(again.ID, jobs.Completed)
	b.expectResult(again.ID)
	b.expectResult(third.ID)
	if err := b.deleteMatrix(c, third.B.ID); !errors.Is(err, jobs.ErrInUse) {
		t.Errorf("DeleteMatrixTx() = %v, want %v", err, jobs.ErrInUse)
	}
	second := b.ends(ids[1], jobs.Completed)
	err = b.store.For(identity.DefaultTenant).InTx(t.Context(), func(tx *store.TenantTx) error { return c.DeleteTx(t.Context(), tx, second.ID) })
	if err != nil {
		t.Fatal(err)
	}
	if m := b.matrix(second.A.ID); m.State != store.Ready {
		t.Errorf("an operand of a deleted multiplication is %s, want it ready", m.State)
	}
	if _, err := b.store.For(identity.DefaultTenant).Matrix(t.Context(), second.C.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the result of a deleted multiplication: %v, want %v", err, store.ErrNotFound)
	}
}

func (b *testBundle) matrix(id uuid.UUID) store.Matrix {
	b.t.Helper()
	m, err := b.store.For(identity.DefaultTenant).Matrix(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func (b *testBundle) deleteMatrix(c *jobs.Client, id uuid.UUID) error {
	return b.store.For(identity.DefaultTenant).InTx(b.t.Context(), func(tx *store.TenantTx) error { return c.DeleteMatrixTx(b.t.Context(), tx, id) })
}

// TestInlineFailure: one that cannot be computed at first gets a job of its own and harms none of its bundle.
func TestInlineFailure(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	b.kernel.corrupt.Store(1)
	ids := b.accept(c, b.offer(c, 3, 3, 3, 1), b.offer(c, 3, 3, 3, 2), b.offer(c, 3, 3, 3, 3))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.ends(id, jobs.Completed)
		b.expectResult(id)
	}
	b.wantCounts(completedRows, 2, ordinaryRows, 1, tileJobs, 1)
}

// TestInlineDamaged: one whose operands are damaged fails, and says so.
func TestInlineDamaged(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	ids := b.accept(c, b.offer(c, 3, 3, 3, 1), b.offer(c, 3, 3, 3, 2))
	b.exec("UPDATE inline_pending SET operands = set_byte(operands, 20, 255) WHERE id = $1", ids[0])
	if _, err := b.store.For(identity.DefaultTenant).Matrix(t.Context(), inline.PartA.ID(ids[0])); err == nil {
		t.Error("a damaged operand is read, want an error")
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(ids[1], jobs.Completed)
	if m := b.ends(ids[0], jobs.Failed); !strings.Contains(m.Failure, "damaged") {
		t.Errorf("the failure is %q, want one that says damaged", m.Failure)
	}
}

// TestInlineLostWorker: the multiplications of a bundle whose worker died get jobs of their own, with their place in line.
func TestInlineLostWorker(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	ids := b.accept(c, b.offer(c, 3, 3, 3, 1), b.offer(c, 3, 3, 3, 2))
	b.lose()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.ends(id, jobs.Completed)
		b.expectResult(id)
	}
	b.wantCounts(pendingRows, 0, tileJobs, 2, ordinaryRows, 2)
}

// TestInlineStopped: a bundle that a person cancels, or deletes, in River UI ends its multiplications.
func TestInlineStopped(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true, Lease: time.Second})
	ids := b.accept(c, b.offer(c, 3, 3, 3, 1), b.offer(c, 3, 3, 3, 2))
	b.exec("UPDATE river_job SET state = 'cancelled', finalized_at = now() WHERE kind = 'multiply_inline'")
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		b.ends(id, jobs.Failed)
	}
	deleted := b.accept(c, b.offer(c, 3, 3, 3, 1))
	b.exec("DELETE FROM river_job WHERE finalized_at IS NULL AND kind = 'multiply_inline'")
	b.exec(`INSERT INTO river_job (kind, args, max_attempts, priority, queue, state)
		VALUES ('sweep', '{"orphans": true}', 1, 1, 'maintenance', 'available')`)
	b.ends(deleted[0], jobs.Failed)
}

// TestInlineCompletedTwice: the result of a worker that was taken to be lost counts for nothing more.
func TestInlineCompletedTwice(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	o := b.offer(c, 1, 1, 1, 3)
	id := b.accept(c, o)[0]
	bundle := queue.Bundle{
		Job:   b.count("SELECT id FROM river_job WHERE kind = 'multiply_inline'"),
		First: id,
		Last:  id,
	}
	o.Result = matrix.AsBytes([]float64{9})
	o.ResultChecksum = inline.Checksum(o.Result)
	for i := range 2 {
		done, err := c.Queue().Complete(t.Context(), bundle, time.Now(), []inline.Multiplication{o.Multiplication})
		if err != nil || len(done) != 1-i {
			t.Errorf("try %d: Complete() = %v, %v, want %d completed", i, done, err, 1-i)
		}
	}
	b.expectResult(id)
}

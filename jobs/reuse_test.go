package jobs_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// reusing returns a client that works, and lets multiplications have earlier results.
func (b *testBundle) reusing() *jobs.Client {
	b.t.Helper()
	c := b.client(queue.Config{
		Work:  true,
		Lead:  true,
		Lease: time.Second,
	})
	c.SetLimits(jobs.Limits{Reuse: true})
	if err := c.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// four returns the submission of a cheap multiplication of four tiles, with new operands.
func four() jobs.Submission {
	return jobs.Submission{
		A:        random(fourM, fourK, 1),
		B:        random(fourK, fourN, 2),
		Priority: jobs.DefaultPriority,
	}
}

// must submits what cannot be refused.
func (b *testBundle) must(c *jobs.Client, s jobs.Submission) jobs.Multiplication {
	b.t.Helper()
	m, err := b.trySubmit(c, s)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// result returns the row of a result and its elements.
func (b *testBundle) result(m jobs.Multiplication) (store.Matrix, []byte) {
	b.t.Helper()
	c, err := b.watch.For(identity.DefaultTenant).ReadyMatrix(b.t.Context(), m.C.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	elements := make([]byte, c.Shape().Bytes())
	if err := b.watch.Source(c).ReadRect(b.t.Context(), c.Shape().Rect(), elements); err != nil {
		b.t.Fatal(err)
	}
	return c, elements
}

// TestReuse: what multiplies the same matrices as a completed multiplication is completed at once, with the same
// result: whichever way the operands come, and whether the result is in blocks or in a row.
func TestReuse(t *testing.T) {
	b := setup(t)
	c := b.reusing()
	stored := b.upload(fourM, 10) // in blocks
	brought := func(rows, cols int64) jobs.Operand {
		ones := slices.Repeat([]float64{1}, int(rows*cols))
		return jobs.Operand{Matrix: store.NewContent(float64s(rows, cols), bytes.Clone(matrix.AsBytes(ones)))}
	}
	for name, operands := range map[string]func() (jobs.Operand, jobs.Operand){
		"random":  func() (jobs.Operand, jobs.Operand) { return random(fourM, fourK, 1), random(fourK, fourN, 2) },
		"content": func() (jobs.Operand, jobs.Operand) { return brought(fourM, fourK), brought(fourK, fourN) },
		"uploaded each time": func() (jobs.Operand, jobs.Operand) {
			return jobs.Operand{Matrix: b.upload(fourM, 10), Stored: true}, random(10, fourN, 2)
		},
		"small result": func() (jobs.Operand, jobs.Operand) { return random(1, 2_000_000, 1), random(2_000_000, 1, 2) },
	} {
		submission := func() jobs.Submission {
			left, right := operands()
			return jobs.Submission{
				A:        left,
				B:        right,
				Priority: 3,
			}
		}
		first := b.must(c, submission())
		if first.Reused || first.State != jobs.Pending {
			t.Errorf("%s: the first is %s, reused %t, want it pending", name, first.State, first.Reused)
		}
		b.ends(first.ID, jobs.Completed)
		for range 2 { // the second time there are two with that result
			again := b.must(c, submission())
			read, err := b.observer.Get(t.Context(), identity.DefaultTenant, again.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range []jobs.Multiplication{again, read} {
				if !m.Reused || m.State != jobs.Completed || m.TilesCompleted != first.TilesTotal || m.TilesTotal != first.TilesTotal ||
					m.Progress.Attempts != 0 || m.StartedAt == nil || m.FinishedAt == nil || m.Priority != 3 || m.JobsPage() != "" {
					t.Errorf("%s: %+v, want it completed without an attempt", name, m)
				}
			}
			if again.ID == first.ID || again.C.ID == first.C.ID || again.C.Shape != first.C.Shape {
				t.Errorf("%s: %s with result %+v, want ones of its own", name, again.ID, again.C)
			}
			_, want := b.result(first)
			if _, got := b.result(again); !bytes.Equal(got, want) {
				t.Errorf("%s: the results differ", name)
			}
		}
	}
	if n := b.count("SELECT count(*) FROM river_job j JOIN multiplications p ON j.args->>'multiplication_id' = p.id::text WHERE p.reused"); n != 0 {
		t.Errorf("%d jobs of multiplications that are reused, want none", n)
	}
	if n := b.count("SELECT count(*) FROM multiplications WHERE reused AND events <> 2"); n != 0 {
		t.Errorf("%d multiplications have not the two events of a submission and a completion", n)
	}
	if stored.ContentID != nil {
		t.Errorf("the first upload shares the blocks of %s", stored.ContentID)
	}
}

// TestNotReused: what differs, what is refused or cannot be told, and what has not completed, is computed.
func TestNotReused(t *testing.T) {
	b := setup(t)
	c := b.reusing()
	first := b.must(c, four())
	b.ends(first.ID, jobs.Completed)
	if m := b.must(c, four()); !m.Reused {
		t.Fatal("the same is not reused")
	}
	single := four()
	single.A.Matrix.DType = matrix.Float32
	swapped := jobs.Submission{
		A: random(fourM, fourK, 2),
		B: random(fourK, fourN, 1),
	}
	refused := four()
	refused.Compute = true
	for name, s := range map[string]jobs.Submission{
		"another type":   single,
		"other seeds":    swapped,
		"refused":        refused,
		"another shape":  {A: random(fourM+1, fourK, 1), B: random(fourK, fourN, 2)},
		"inner changed":  {A: random(fourM, fourK+1, 1), B: random(fourK+1, fourN, 2)},
		"queue of small": {A: random(3, 3, 1), B: random(3, 3, 2)},
	} {
		s.Priority = jobs.DefaultPriority
		m := b.must(c, s)
		if name == "queue of small" { // also the second time
			b.ends(m.ID, jobs.Completed)
			s.A.Matrix.ID = store.NewID()
			s.B.Matrix.ID = store.NewID()
			m = b.must(c, s)
		}
		if m.Reused || m.State != jobs.Pending {
			t.Errorf("%s: %s, reused %t, want it computed", name, m.State, m.Reused)
		}
	}
	err := b.store.For(7).InTx(t.Context(), func(tx *store.TenantTx) error {
		m, err := c.SubmitTx(t.Context(), tx, four())
		if m.Reused {
			t.Error("a tenant has the result of another one")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	off := b.client(queue.Config{})
	if m := b.must(off, four()); m.Reused {
		t.Error("it is reused although that is turned off")
	}
}

// TestUnfinishedIsNotReused: neither one that is computed, nor one that was cancelled, nor one whose result is damaged
// or has expired.
func TestUnfinishedIsNotReused(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{}) // nothing works
	c.SetLimits(jobs.Limits{Reuse: true})
	first := b.must(c, four())
	if m := b.must(c, four()); m.Reused {
		t.Error("a pending one is reused")
	}
	if err := b.cancel(c, first.ID); err != nil {
		t.Fatal(err)
	}
	if m := b.must(c, four()); m.Reused {
		t.Error("a cancelled one is reused")
	}
	b.exec("DELETE FROM multiplications")
	b.exec("DELETE FROM river_job")
	works := b.reusing()
	first = b.must(works, four())
	b.ends(first.ID, jobs.Completed)
	for _, test := range []struct{ why, sql string }{
		{"damaged", "UPDATE matrices SET damaged_at = now() WHERE id = $1"},
		{"expired", "UPDATE multiplications SET expires_at = now() - interval '1 second' WHERE c = $1"},
		{"not damaged", "UPDATE matrices SET damaged_at = NULL WHERE id = $1"},
	} {
		tx, err := b.watch.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), test.sql, first.C.ID); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := b.must(c, four())
		if want := test.why == "not damaged"; m.Reused != want {
			t.Errorf("%s: reused %t, want %t", test.why, m.Reused, want)
		}
		b.exec("UPDATE matrices SET damaged_at = NULL WHERE id = $1", first.C.ID)
		b.exec("UPDATE multiplications SET expires_at = now() + interval '1 hour' WHERE c = $1", first.C.ID)
	}
}

package jobs_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

func TestResultIsRight(t *testing.T) {
	b := setup(t)
	c := b.start()
	for _, shape := range [][3]int64{{1, 1, 1}, {3, 5, 2}, {100, 70, 130}, {fourM, fourK, fourN}} {
		id := b.submit(c, shape[0], shape[1], shape[2])
		m := b.ends(id, jobs.Completed)
		if m.TilesCompleted != m.TilesTotal || m.Progress.Attempts != m.TilesTotal || len(m.Errors) != 0 {
			t.Errorf("%v: got %d completed tiles, %d attempts and the errors %v, want %d, %[5]d and none",
				shape, m.TilesCompleted, m.Progress.Attempts, m.Errors, m.TilesTotal)
		}
		b.expectResult(id)
	}
}

// expectResult compares the result of a multiplication with its definition.
func (b *testBundle) expectResult(id uuid.UUID) {
	b.t.Helper()
	found, err := b.store.For(identity.DefaultTenant).Whole(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	read := func(m store.Matrix) []float64 {
		content := make([]float64, m.Shape().Elements())
		if err := b.store.Source(m).ReadRect(b.t.Context(), m.Shape().Rect(), matrix.AsBytes(content)); err != nil {
			b.t.Fatal(err)
		}
		return content
	}
	x := read(found.A)
	y := read(found.B)
	z := read(found.C)
	m := found.Multiplication
	for i := range m.M {
		for j := range m.N {
			var want float64
			for l := range m.K {
				want += x[i*m.K+l] * y[l*m.N+j]
			}
			if got := z[i*m.N+j]; math.Abs(got-want) > 1e-14*float64(m.K+1)*want {
				b.t.Fatalf("element [%d][%d] = %v, want %v", i, j, got, want)
			}
		}
	}
}

// TestFailedCheckIsRetried: the check finds a wrong result of the kernel, and the tile is computed again.
func TestFailedCheckIsRetried(t *testing.T) {
	b := setup(t)
	b.kernel.corrupt.Store(1)
	c := b.start()
	m := b.ends(b.submit(c, 300, 300, 300), jobs.Completed)
	if m.Progress.Attempts != 2 || len(m.Errors) != 1 || !strings.Contains(m.Errors[0].Message, tile.ErrCheck.Error()) {
		t.Errorf("got %d attempts and the errors %+v, want 2 and one with %q", m.Progress.Attempts, m.Errors, tile.ErrCheck)
	}
	b.expectResult(m.ID)
}

// TestPanicIsRetried: a tile that panics is computed again, and clients do not read the value of the panic.
func TestPanicIsRetried(t *testing.T) {
	b := setup(t)
	b.kernel.panics.Store(1)
	c := b.start()
	m := b.ends(b.submit(c, 300, 300, 300), jobs.Completed)
	if len(m.Errors) != 1 || !strings.Contains(m.Errors[0].Message, "internal error") {
		t.Errorf("got the errors %+v, want one internal error", m.Errors)
	}
	b.expectResult(m.ID)
}

// TestMissingBlockIsRetried: a block may be late, as on a file system that is shared between machines.
func TestMissingBlockIsRetried(t *testing.T) {
	b := setup(t)
	c := b.start()
	m := b.upload(300, 300)
	block := make([]byte, m.Shape().Bytes())
	if err := b.store.Blocks.Read(t.Context(), blocks.Block{Matrix: m.ID, Size: int64(len(block))}, 0, block); err != nil {
		t.Fatal(err)
	}
	if err := b.store.Blocks.Delete(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	operand := jobs.Operand{Matrix: m, Stored: true}
	submitted, err := b.trySubmit(c, jobs.Submission{
		A:        operand,
		B:        operand,
		Priority: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	retrying := b.until(submitted.ID, "retrying", func(m jobs.Multiplication) bool { return m.Progress.Retrying == 1 })
	if !strings.Contains(retrying.Errors[0].Message, blocks.ErrMissing.Error()) {
		t.Errorf("got the errors %+v, want one with %q", retrying.Errors, blocks.ErrMissing)
	}
	if err := b.store.Blocks.Put(t.Context(), m.ID, 0, block); err != nil {
		t.Fatal(err)
	}
	b.ends(submitted.ID, jobs.Completed)
}

// TestDroppedConnections: the server ends each connection in the middle of the work.
func TestDroppedConnections(t *testing.T) {
	b := setup(t)
	release := b.kernel.block()
	c := b.start()
	first := b.submit(c, 500, 500, 500)
	second := b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	b.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name <> $1`, watcher)
	release()
	b.ends(first, jobs.Completed)
	b.ends(second, jobs.Completed)
}

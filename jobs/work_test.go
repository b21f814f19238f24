package jobs_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

func TestProductIsRight(t *testing.T) {
	b := setup(t)
	c := b.start()
	for _, shape := range [][3]int64{{1, 1, 1}, {3, 5, 2}, {100, 70, 130}, {fourM, fourK, fourN}} {
		m, k, n := shape[0], shape[1], shape[2]
		id := b.submit(c, m, k, n)
		status := b.ends(id, store.Completed)
		if p := status.Multiplication; p.TilesCompleted != p.TilesTotal || status.Attempts != p.TilesTotal || len(status.Errors) != 0 {
			t.Errorf("%v: %d of %d tiles, %+v, %v", shape, p.TilesCompleted, p.TilesTotal, status.ListStatusesRow, status.Errors)
		}
		p, err := b.store.Product(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		expectProduct(t, b.store, p)
	}
}

// expectProduct compares a product with its definition.
func expectProduct(t *testing.T, s *store.Store, p store.Product) {
	t.Helper()
	read := func(m store.Matrix) []float64 {
		content := make([]float64, m.Shape().Elements())
		if err := s.Source(m).ReadRect(t.Context(), m.Shape().Rect(), matrix.AsBytes(content)); err != nil {
			t.Fatal(err)
		}
		return content
	}
	a, b, c := read(p.A), read(p.B), read(p.C)
	for i := range p.M {
		for j := range p.N {
			var want float64
			for l := range p.K {
				want += a[i*p.K+l] * b[l*p.N+j]
			}
			if got := c[i*p.N+j]; math.Abs(got-want) > 1e-14*float64(p.K+1)*want {
				t.Fatalf("element [%d][%d] is %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestProductWithoutElements(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{}) // nobody works
	for _, shape := range [][3]int64{{0, 3, 4}, {3, 4, 0}, {0, 0, 0}} {
		id := b.submit(c, shape[0], shape[1], shape[2])
		status := b.ends(id, store.Completed)
		if status.Multiplication.StartedAt == nil || status.Multiplication.FinishedAt == nil {
			t.Errorf("%v: %+v", shape, status.Multiplication)
		}
	}
	if n := b.count("SELECT count(*) FROM river_job"); n != 0 {
		t.Errorf("%d jobs are queued", n)
	}
}

func TestQueuesAndPriority(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{})
	b.submit(c, 10, 10, 10)
	b.submit(c, 1000, 1000, 1000)
	if n := b.count("SELECT count(*) FROM river_job WHERE queue = 'small' AND priority = $1", jobs.DefaultPriority); n != 1 {
		t.Errorf("%d jobs in small", n)
	}
	if n := b.count("SELECT count(*) FROM river_job WHERE queue = 'tiles' AND priority = $1", jobs.DefaultPriority); n != 1 {
		t.Errorf("%d jobs in tiles", n)
	}
}

func TestSubmitRejects(t *testing.T) {
	b := setup(t)
	c := b.client(jobs.Config{})
	random := func(rows, cols int64) jobs.Operand {
		return jobs.Operand{Matrix: store.NewRandom(matrix.Shape{Rows: rows, Cols: cols, DType: matrix.Float64}, 1)}
	}
	gone := jobs.Operand{Matrix: random(2, 2).Matrix, Stored: true}
	for name, test := range map[string]struct {
		a, b jobs.Operand
		want error
	}{
		"inner dimensions":   {random(2, 3), random(4, 2), matrix.ErrShape},
		"too many tiles":     {random(1<<21, 1<<21), random(1<<21, 1<<21), matrix.ErrTooLarge},
		"result overflows":   {random(1<<40, 1), random(1, 1<<40), matrix.ErrTooLarge},
		"endless tile":       {random(1, 1<<50), random(1<<50, 1), matrix.ErrTooLarge},
		"result too large":   {random(1<<20, 1), random(1, 1<<20), matrix.ErrTooLarge},
		"operand is gone":    {gone, random(2, 2), store.ErrNotFound},
		"other one is gone":  {random(2, 2), gone, store.ErrNotFound},
		"and the same twice": {gone, gone, store.ErrNotFound},
	} {
		if _, err := c.Submit(t.Context(), jobs.Submission{A: test.a, B: test.b, Priority: 1, MaxBytes: 1 << 40}); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := b.count("SELECT (SELECT count(*) FROM matrices) + (SELECT count(*) FROM multiplications) + (SELECT count(*) FROM river_job)"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestOneOperandTwice(t *testing.T) {
	b := setup(t)
	c := b.start()
	m := b.upload(200, 200)
	operand := jobs.Operand{Matrix: m, Stored: true}
	submitted, err := c.Submit(t.Context(), jobs.Submission{A: operand, B: operand, Priority: 1})
	if err != nil {
		t.Fatal(err)
	}
	id := submitted.Multiplication.ID
	b.ends(id, store.Completed)
	p, err := b.store.Product(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	expectProduct(t, b.store, p)
}

// TestFailedCheckIsRetried: a kernel that is wrong once is found out, and the tile is computed again.
func TestFailedCheckIsRetried(t *testing.T) {
	b := setup(t)
	b.kernel.corrupt.Store(1)
	c := b.start()
	status := b.ends(b.submit(c, 300, 300, 300), store.Completed)
	if status.Attempts != 2 || len(status.Errors) != 1 || !strings.Contains(status.Errors[0].Message, tile.ErrCheck.Error()) {
		t.Errorf("attempts %d, errors %+v", status.Attempts, status.Errors)
	}
	p, err := b.store.Product(t.Context(), status.Multiplication.ID)
	if err != nil {
		t.Fatal(err)
	}
	expectProduct(t, b.store, p)
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
	submitted, err := c.Submit(t.Context(), jobs.Submission{A: operand, B: operand, Priority: 1})
	if err != nil {
		t.Fatal(err)
	}
	id := submitted.Multiplication.ID
	failed := b.until(id, "retrying", func(s store.Status) bool { return s.Retrying == 1 })
	if !strings.Contains(failed.Errors[0].Message, store.ErrBlockMissing.Error()) {
		t.Errorf("errors %+v", failed.Errors)
	}
	if err := b.store.Blocks.Put(t.Context(), m.ID, 0, block); err != nil {
		t.Fatal(err)
	}
	b.ends(id, store.Completed)
}

// TestDroppedConnections: the server ends every connection in the middle of the work.
func TestDroppedConnections(t *testing.T) {
	b := setup(t)
	release := b.kernel.block(t)
	c := b.start()
	first, second := b.submit(c, 500, 500, 500), b.submit(c, fourM, fourK, fourN)
	b.kernel.waitForCalls(t, 2)
	b.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> $1", watcher)
	release()
	b.ends(first, store.Completed)
	b.ends(second, store.Completed)
}

// TestEmptyProductIsKept: what is complete as soon as it is submitted is kept as long as all others.
func TestEmptyProductIsKept(t *testing.T) {
	b := setup(t)
	id := b.submit(b.client(jobs.Config{}), 0, 5, 5)
	if n := b.count("SELECT count(*) FROM multiplications WHERE id = $1 AND state = 'completed' AND expires_at > now() + interval '59 minutes'", id); n != 1 {
		t.Error("it has expired")
	}
}

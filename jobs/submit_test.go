package jobs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

func TestSubmitWithoutElements(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{}) // there are no workers
	for _, shape := range [][3]int64{{0, 3, 4}, {3, 4, 0}, {0, 0, 0}} {
		id := b.submit(c, shape[0], shape[1], shape[2])
		if m := b.ends(id, jobs.Completed); m.StartedAt == nil || m.FinishedAt == nil {
			t.Errorf("%v: started at %v, finished at %v, want both times", shape, m.StartedAt, m.FinishedAt)
		}
	}
	if n := b.count("SELECT count(*) FROM river_job"); n != 0 {
		t.Errorf("got %d jobs, want 0", n)
	}
}

// TestEmptyResultIsKept: what is completed as soon as it is submitted is kept as long as all others.
func TestEmptyResultIsKept(t *testing.T) {
	b := setup(t)
	id := b.submit(b.client(queue.Config{}), 0, 5, 5)
	const kept = `SELECT count(*) FROM multiplications
		WHERE id = $1 AND state = 'completed' AND expires_at > now() + interval '59 minutes'`
	if n := b.count(kept, id); n != 1 {
		t.Errorf("got %d completed multiplications that are kept, want 1", n)
	}
}

func TestQueuesAndPriority(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	b.submit(c, 10, 10, 10)
	b.submit(c, 1000, 1000, 1000)
	for _, name := range []string{queue.Small, queue.Tiles} {
		const jobsOf = "SELECT count(*) FROM river_job WHERE queue = $1 AND priority = $2"
		if n := b.count(jobsOf, name, jobs.DefaultPriority); n != 1 {
			t.Errorf("got %d jobs in queue %s, want 1", n, name)
		}
	}
}

func TestSubmitRejects(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	gone := random(2, 2, 1)
	gone.Stored = true
	for name, test := range map[string]struct {
		a, b jobs.Operand
		want error
	}{
		"inner dimensions":   {random(2, 3, 1), random(4, 2, 1), matrix.ErrShape},
		"too many tiles":     {random(1<<21, 1<<21, 1), random(1<<21, 1<<21, 1), matrix.ErrTooLarge},
		"result overflows":   {random(1<<40, 1, 1), random(1, 1<<40, 1), matrix.ErrTooLarge},
		"endless tile":       {random(1, 1<<50, 1), random(1<<50, 1, 1), matrix.ErrTooLarge},
		"result too large":   {random(1<<20, 1, 1), random(1, 1<<20, 1), matrix.ErrTooLarge},
		"operand is gone":    {gone, random(2, 2, 1), store.ErrNotFound},
		"other one is gone":  {random(2, 2, 1), gone, store.ErrNotFound},
		"and the same twice": {gone, gone, store.ErrNotFound},
	} {
		submission := jobs.Submission{
			A:        test.a,
			B:        test.b,
			Priority: 1,
			MaxBytes: 1 << 40,
		}
		if _, err := b.trySubmit(c, submission); !errors.Is(err, test.want) {
			t.Errorf("%s: SubmitTx() = %v, want %v", name, err, test.want)
		}
	}
	const rows = `SELECT (SELECT count(*) FROM matrices) + (SELECT count(*) FROM multiplications) +
		(SELECT count(*) FROM river_job)`
	if n := b.count(rows); n != 0 {
		t.Errorf("got %d rows that are left, want 0", n)
	}
}

// TestSizeLimit: no matrix of a multiplication may be larger than the limit, random or not.
func TestSizeLimit(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	for name, shape := range map[string][3]int64{
		"a":          {1000, 1001, 1},
		"b":          {1, 1001, 1000},
		"the result": {1000, 1, 1001},
		"":           {1000, 1000, 1000},
	} {
		submission := jobs.Submission{
			A:        random(shape[0], shape[1], 1),
			B:        random(shape[1], shape[2], 2),
			Priority: 1,
			MaxBytes: 1000 * 1000 * 8,
		}
		_, err := b.trySubmit(c, submission)
		if errors.Is(err, matrix.ErrTooLarge) != (name != "") || err != nil && !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%v: SubmitTx() = %v, want an error that names %q", shape, err, name)
		}
	}
}

// TestWrongShapes: clients see the text of the error.
func TestWrongShapes(t *testing.T) {
	b := setup(t)
	_, err := b.trySubmit(b.client(queue.Config{}), jobs.Submission{
		A:        random(1, 2, 1),
		B:        random(1, 1, 1),
		Priority: 1,
	})
	const want = "wrong shape: a is 1×2 and b is 1×1, the columns of a must equal the rows of b"
	if err == nil || err.Error() != want {
		t.Errorf("SubmitTx() = %v, want %s", err, want)
	}
}

func TestOneOperandTwice(t *testing.T) {
	b := setup(t)
	c := b.start()
	operand := jobs.Operand{Matrix: b.upload(200, 200), Stored: true}
	submitted, err := b.trySubmit(c, jobs.Submission{
		A:        operand,
		B:        operand,
		Priority: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.ends(submitted.ID, jobs.Completed)
	b.expectResult(submitted.ID)
}

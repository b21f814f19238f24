package jobs_test

import (
	"errors"
	"math"
	"testing"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// TestReservationsOfParts: parts are reserved, too, however small the result is.
func TestReservationsOfParts(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	c.SetLimits(jobs.Limits{MaxReserved: 17*8 + 20*8})
	submit := func(k int64) error {
		_, err := b.trySubmit(c, jobs.Submission{
			A:        random(1, k, 1),
			B:        random(k, 1, 2),
			Priority: 1,
		})
		return err
	}
	if err := submit(1 << 33); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("SubmitTx() with 64 parts = %v, want %v", err, store.ErrNoSpace)
	}
	for _, want := range []error{nil, nil, store.ErrNoSpace} {
		if err := submit(1 << 31); !errors.Is(err, want) {
			t.Errorf("SubmitTx() with 16 parts = %v, want %v", err, want)
		}
	}
}

// TestPiecesAhead: what is reserved for parts follows from how many tiles have unfinished jobs.
func TestPiecesAhead(t *testing.T) {
	t.Parallel()
	if matrix.PiecesAhead != ahead {
		t.Errorf("PiecesAhead is %d, want %d", matrix.PiecesAhead, ahead)
	}
}

// TestDownForgetsParts: the version before begins anew, when it is told to, in tiles without parts.
func TestDownForgetsParts(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	id := b.submitInParts(c, 1)
	b.exec("UPDATE multiplications SET state = 'in_progress', started_at = now(), tiles_completed = 3")
	b.down(12)
	b.wantText("multiplication", "SELECT concat_ws(' ', state, tiles_total, tiles_completed, last_job) FROM multiplications",
		"failed 1 0 -1")
	b.wantText("jobs", "SELECT count(*) FROM river_job WHERE kind = 'multiply_tile'", "0")
	b.up()
	if err := b.retry(c, id); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.ends(id, jobs.Completed)
	b.expectResult(id)
}

// TestHugeInnerDimension: no tile may read without end, whatever is allowed otherwise.
func TestHugeInnerDimension(t *testing.T) {
	t.Parallel()
	limits := jobs.Limits{MaxTiles: math.MaxInt64}
	for k, want := range map[int64]error{1 << 39: nil, 1<<39 + 1: matrix.ErrTooLarge} {
		if err := limits.Check(float64s(1, k), float64s(k, 1), 0); !errors.Is(err, want) {
			t.Errorf("Check() with an inner dimension of %d = %v, want %v", k, err, want)
		}
	}
}

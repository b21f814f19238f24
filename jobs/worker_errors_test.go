package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/backoff"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/objects"
)

// TestErrorHandler: an attempt that fails ends its multiplication if it was the last one, or no other can succeed; not
// if it was cancelled, or belongs to something else. Each is told.
func TestErrorHandler(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(rivertype.ErrJobCancelledRemotely)
	last := func(job *rivertype.JobRow) { job.Attempt = job.MaxAttempts }
	for name, test := range map[string]struct {
		ctx     context.Context
		change  func(job *rivertype.JobRow)
		err     error // nil: a panic
		failure string
		log     string
		final   bool
	}{
		"one of several":  {err: broken, log: "level=WARN"},
		"the last":        {change: last, err: broken, failure: "tile 0, attempt 10 of 10: broken", log: "level=WARN"},
		"permanent":       {err: backoff.ErrPermanent, failure: "tile 0, attempt 1 of 10", log: "permanent=true", final: true},
		"cancelled":       {ctx: cancelled, change: last, err: broken, log: "level=DEBUG"},
		"a panic":         {log: "level=ERROR"},
		"the last panics": {change: last, failure: "attempt 10 of 10: panic: boom", log: "level=ERROR"},
		"no tile": {
			change: func(job *rivertype.JobRow) { last(job); job.Kind = SweepArgs{}.Kind() },
			err:    broken,
			log:    "level=WARN",
		},
		"over": {
			change: func(job *rivertype.JobRow) { last(job); job.AttemptedAt = new(job.AttemptedAt.Add(-time.Second)) },
			err:    broken,
			log:    "level=WARN",
		},
		"cannot be written": {
			change: func(job *rivertype.JobRow) { last(job); b.exec(noneFails + " NOT VALID") },
			err:    broken,
			log:    "failing a multiplication",
		},
		"damaged": {
			change: func(job *rivertype.JobRow) { last(job); job.EncodedArgs = []byte("[") },
			err:    broken,
			log:    "failing a multiplication",
		},
	} {
		m := b.submit(c, ofShape(1000, 2, 1000))
		job := b.begun(m.ID).JobRow
		if test.change != nil {
			test.change(job)
		}
		ctx := test.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		var lines bytes.Buffer
		level := &slog.HandlerOptions{Level: slog.LevelDebug}
		h := &errorHandler{client: c, log: slog.New(slog.NewTextHandler(&lines, level))}
		final := false
		if test.err == nil {
			h.HandlePanic(ctx, job, "boom", "a trace")
		} else {
			final = h.HandleError(ctx, job, test.err).SetCancelled
		}
		b.exec("ALTER TABLE multiplications DROP CONSTRAINT IF EXISTS none_fails")
		got, err := c.Get(t.Context(), identity.DefaultTenant, m.ID)
		if err != nil || (got.State == Failed) != (test.failure != "") || !strings.Contains(got.Failure, test.failure) {
			t.Errorf("%s: it is %s: %q, %v, want the failure %q", name, got.State, got.Failure, err, test.failure)
		}
		if !strings.Contains(lines.String(), test.log) || final != test.final {
			t.Errorf("%s: final %t, logged %s, want %t and %s", name, final, lines.String(), test.final, test.log)
		}
	}
}

// TestPostponed: an attempt that ended because the database is unavailable is no attempt, for a while.
func TestPostponed(t *testing.T) {
	t.Parallel()
	c := &Client{log: slog.New(slog.DiscardHandler)}
	for _, test := range []struct {
		snoozes int
		err     error
		want    bool
	}{
		{0, errors.New("broken"), false},
		{0, nil, false},
		{0, persist.ErrUnavailable, true},
		{maxPostponed - 1, persist.ErrUnavailable, true},
		{maxPostponed, persist.ErrUnavailable, false},
	} {
		job := &rivertype.JobRow{Metadata: fmt.Appendf(nil, `{"snoozes": %d}`, test.snoozes)}
		err := c.postpone(t.Context(), job, test.err)
		if snoozed := errors.As(err, new(*rivertype.JobSnoozeError)); snoozed != test.want {
			t.Errorf("%v after %d pauses: %v, want a pause: %t", test.err, test.snoozes, err, test.want)
		}
	}
}

// TestBatchDue: the next tiles are enqueued when few that have jobs are left, some at a time; the one that writes an
// output waits for all others.
func TestBatchDue(t *testing.T) {
	t.Parallel()
	output := &objects.Output{}
	for _, test := range []struct {
		state                      State
		output                     *objects.Output
		total, unqueued, completed int64
		want                       int64
	}{
		{InProgress, nil, 5000, 4000, 0, batchTiles},
		{InProgress, nil, 5000, 3999, 0, 0},
		{InProgress, nil, 5000, 3999, 1, batchTiles},
		{Pending, nil, 5000, 4999, 0, batchTiles},
		{Failed, nil, 5000, 4999, 0, 0},
		{Cancelled, nil, 5000, 4999, 0, 0},
		{InProgress, nil, 5000, 30, 4500, 30},
		{InProgress, nil, 5000, 0, 4999, 0},
		{InProgress, output, 5000, 30, 4500, 29},
		{InProgress, output, 5000, 1, 4500, 0},
		{InProgress, output, 5000, 0, 4500, 0},
		{InProgress, output, 5000, 1, 4998, 0},
		{InProgress, output, 5000, 1, 4999, 1},
		{InProgress, output, 5000, 4000, 0, batchTiles},
	} {
		m := Multiplication{
			State:          test.state,
			Output:         test.output,
			TilesTotal:     test.total,
			TilesUnqueued:  test.unqueued,
			TilesCompleted: test.completed,
		}
		if got := batchDue(m); got != test.want {
			t.Errorf("%+v: %d tiles are due", test, got)
		}
	}
}

// TestOrderOf: tiles cost their part of the whole; a priority that counts among the tenant's own multiplications is
// none of the job, but a share.
func TestOrderOf(t *testing.T) {
	t.Parallel()
	s := ofShape(2600, 2, 2100)
	s.Priority = 3
	tiles := orderOf(planned(s))
	if tiles.Queue != queue.Tiles || tiles.Priority != 3 || tiles.Share != 0 || tiles.Title != "2600×2 times 2×2100, float64" {
		t.Errorf("orderOf() = %+v", tiles)
	}
	longer := ofShape(2600, 2000, 2100) // of as many tiles
	longer.Own = true
	longer.Priority = 3
	own := orderOf(planned(longer))
	if own.Priority != DefaultPriority || own.Share != shares[3] || own.Cost <= tiles.Cost {
		t.Errorf("orderOf() = %+v, want the default priority, a share, and more cost than %v", own, tiles.Cost)
	}
	one := orderOf(planned(ofShape(1300, 2000, 2048)))
	if few := orderOf(planned(ofShape(1300, 2000, 2*2048))); few.Cost != one.Cost || one.Cost <= 0 {
		t.Errorf("each of two tiles costs %v, one of them %v, want the same", few.Cost, one.Cost)
	}
	if got := orderOf(planned(small())); got.Queue != queue.Small || got.Cost != 0 {
		t.Errorf("orderOf() of a small one = %+v, want no cost", got)
	}
	if got := orderOf(planned(ofShape(0, 2_000_000, 5))); got.Queue != queue.Tiles || got.Cost != 0 {
		t.Errorf("orderOf() of one without tiles = %+v, want no cost", got)
	}
}

// TestReplicas: quotas are divided among the processes that serve clients.
func TestReplicas(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	c := b.client(b.store)
	serving, err := NewClient(b.store, nil, queue.Config{Lead: true, Lease: time.Minute}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serving.Stop)
	if err := serving.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.exec("INSERT INTO workers (id, expires_at) VALUES ('one', now() + interval '1 hour'), ('two', now() + interval '1 hour')")
	if n, err := c.replicas(t.Context()); n != 1 || err != nil {
		t.Errorf("replicas() = %d, %v, want 1: two others are workers", n, err)
	}
}

// TestSweepTells: a sweep tells what it has deleted, if there was something, and looks for orphans only when it is to.
func TestSweepTells(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	b.store.OrphanAge = 0
	var lines bytes.Buffer
	c := b.client(b.store)
	c.log = slog.New(slog.NewTextHandler(&lines, nil))
	w := &sweepWorker{client: c}
	if limit := w.Timeout(nil); limit < sweepInterval {
		t.Errorf("Timeout() = %s, want more than the pause between two sweeps", limit)
	}
	sweep := func(orphans bool) string {
		t.Helper()
		lines.Reset()
		if err := w.Work(t.Context(), &river.Job[SweepArgs]{Args: SweepArgs{Orphans: orphans}}); err != nil {
			t.Fatal(err)
		}
		return lines.String()
	}
	if got := sweep(true); got != "" {
		t.Errorf("a sweep of nothing tells %s", got)
	}
	if err := b.store.Blocks.Put(t.Context(), store.NewID(), 0, []byte("an orphan")); err != nil {
		t.Fatal(err)
	}
	if got := sweep(false); got != "" {
		t.Errorf("a sweep that looks for no orphans tells %s", got)
	}
	if got := sweep(true); !strings.Contains(got, "orphans=1") {
		t.Errorf("a sweep of an orphan tells %s", got)
	}
	b.store.Pool.Close()
	if err := w.Work(t.Context(), &river.Job[SweepArgs]{}); err == nil {
		t.Error("a sweep without a database = nil, want an error")
	}
}

// TestSumNeedsParts: a sum fails when it cannot look for its parts.
func TestSumNeedsParts(t *testing.T) {
	t.Parallel()
	b := newTransitionBundle(t)
	w := &tileWorker{client: b.client(b.store)}
	id := store.NewID()
	job := &river.Job[TileArgs]{JobRow: &rivertype.JobRow{}, Args: TileArgs{MultiplicationID: id, Tile: 2}}
	b.store.Pool.Close()
	if err := w.sum(t.Context(), job, store.MultiplicationWithMatrices{}, matrix.Piece{Part: 2}); err == nil {
		t.Error("sum() without a database = nil, want an error")
	}
}

// wrongKernel computes wrong results.
type wrongKernel struct{ blas.Kernel }

// Dgemm implements blas.Kernel.
func (wrongKernel) Dgemm(_, _, _ int, _ []float64, _ int, _ []float64, _ int, c []float64, _ int, _ bool) {
	c[0] = 1e9
}

// TestBundleNeedsDatabase: a bundle with a multiplication that cannot be computed fails when what is to become of that
// cannot be written.
func TestBundleNeedsDatabase(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"damaged": "UPDATE inline_pending SET operands = set_byte(operands, 20, 255)",
		"wrong":   "",
	} {
		b := newTransitionBundle(t)
		c := b.client(b.store)
		i := b.acceptInline(c)
		b.exec(damage)
		b.exec("ALTER TABLE multiplications RENAME TO elsewhere")
		w := &inlineWorker{client: c, engine: tile.NewEngine(wrongKernel{blas.Builtin()})}
		job := &river.Job[InlineArgs]{JobRow: &rivertype.JobRow{AttemptedAt: new(time.Now())}, Args: InlineArgs{First: i.ID, Last: i.ID}}
		if err := b.store.Pool.QueryRow(t.Context(), "SELECT id FROM river_job").Scan(&job.ID); err != nil {
			t.Fatal(err)
		}
		if err := w.work(t.Context(), job); err == nil || !strings.Contains(err.Error(), "multiplications") {
			t.Errorf("%s: work() = %v, want an error about a table that is not there", name, err)
		}
		b.store.Pool.Close()
		if err := w.work(t.Context(), job); err == nil {
			t.Errorf("%s: work() without a database = nil, want an error", name)
		}
		if err := w.Work(t.Context(), job); err == nil {
			t.Errorf("%s: Work() without a database = nil, want an error", name)
		}
	}
}

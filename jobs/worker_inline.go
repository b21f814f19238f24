package jobs

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/internal/told"
	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/backoff"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store/inline"
)

// InlineArgs is a bundle of inline multiplications: those in a range of ids that wait for the job.
type InlineArgs struct {
	First           uuid.UUID `json:"first"`
	Last            uuid.UUID `json:"last"`
	Multiplications int       `json:"multiplications,omitempty"` // how many there were, once they are completed
}

// Kind implements river.JobArgs.
func (InlineArgs) Kind() string { return queue.InlineKind }

// inlineWorker computes bundles.
type inlineWorker struct {
	river.WorkerDefaults[InlineArgs]
	client *Client
	engine *tile.Engine
	turns  persist.Turns // to complete bundles
}

// Timeout implements river.Worker.
func (w *inlineWorker) Timeout(*river.Job[InlineArgs]) time.Duration {
	return cmp.Or(w.client.config.Timeout, queue.MaxTileTimeout)
}

// Work implements river.Worker. What ends because the database is unavailable is no attempt.
func (w *inlineWorker) Work(ctx context.Context, job *river.Job[InlineArgs]) error {
	defer told.HidePanic()
	return told.ForClients(w.client.postpone(ctx, job.JobRow, w.work(ctx, job)))
}

// work computes the multiplications of a bundle one after the other, and completes them and the job in one transaction.
// One that cannot be computed is expanded, and so are all of a bundle that has failed or crashed its worker before:
// each has then a job of its own, with attempts of its own, and harms none of the others.
func (w *inlineWorker) work(ctx context.Context, job *river.Job[InlineArgs]) error {
	bundle := queue.Bundle{
		Job:   job.ID,
		First: job.Args.First,
		Last:  job.Args.Last,
	}
	waiting, err := w.client.queue.Waiting(ctx, bundle)
	if err != nil {
		return err
	}
	measure.Computes(ctx, len(waiting))
	if disturbed(job.JobRow) {
		return w.client.expand(ctx, inline.IDs(waiting))
	}
	computed := make([]inline.Multiplication, 0, len(waiting))
	var failed []uuid.UUID
	for _, i := range waiting {
		if i.Result, err = w.compute(ctx, i); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if backoff.Permanent(err) {
				if err := w.client.fail(ctx, ending{id: i.ID, reason: told.ForClients(err).Error()}); err != nil {
					return err
				}
				continue
			}
			w.client.log.WarnContext(ctx, "a small multiplication gets a job of its own", "multiplication", i.ID, "error", err)
			failed = append(failed, i.ID)
			continue
		}
		i.ResultChecksum = inline.Checksum(i.Result)
		computed = append(computed, i)
	}
	if err := w.client.expand(ctx, failed); err != nil {
		return err
	}
	return w.complete(ctx, job.JobRow, bundle, computed)
}

// disturbed reports whether a job has failed, or has crashed its worker, before.
func disturbed(job *rivertype.JobRow) bool { return len(job.Errors) > 0 || queue.Crashes(job) > 0 }

// compute returns the result of one multiplication.
func (w *inlineWorker) compute(ctx context.Context, i inline.Multiplication) ([]byte, error) {
	a, err := i.Content(inline.PartA)
	if err != nil {
		return nil, err
	}
	b, _ := i.Content(inline.PartB) // as sound as a: they have one checksum
	shape := i.Shape(inline.PartC)
	t, err := w.engine.MultiplyTile(ctx, matrix.NewMemory(i.Shape(inline.PartA), a),
		matrix.NewMemory(i.Shape(inline.PartB), b), matrix.Rect{Rows: shape.Rows, Cols: shape.Cols}, shape.DType)
	if err != nil {
		return nil, err
	}
	defer t.Release()
	w.client.metrics.Tile(ctx, t.Stats)
	return append([]byte(nil), t.Bytes()...), nil
}

// complete stores the results. It outlives the order to stop, and a database that is unavailable for a while.
func (w *inlineWorker) complete(
	ctx context.Context, job *rivertype.JobRow, bundle queue.Bundle, computed []inline.Multiplication,
) error {
	if len(computed) == 0 {
		return nil
	}
	ctx, cancel := persist.Outlast(ctx, persist.Timeout)
	defer cancel()
	var completed []uuid.UUID
	err := w.turns.Do(ctx, len(computed), func(ctx context.Context) (err error) {
		completed, err = w.client.queue.Complete(ctx, bundle, *job.AttemptedAt, computed)
		return err
	})
	if err != nil {
		return fmt.Errorf("completing %d multiplications: %w", len(computed), err)
	}
	w.logBundle(ctx, job, computed, len(completed))
	for _, id := range completed {
		w.client.publisher.Finished(id)
		w.client.metrics.Completed(queue.Small, string(Completed), inline.Time(id))
	}
	return nil
}

// logBundle writes one line for a bundle: thousands end in a second. That of a bundle of one is the line of each other
// multiplication; of several, each has its line at level debug.
func (w *inlineWorker) logBundle(
	ctx context.Context, job *rivertype.JobRow, computed []inline.Multiplication, completed int,
) {
	level := slog.LevelInfo
	if len(computed) > 1 {
		level = slog.LevelDebug
		w.client.log.With(measure.Subject(job)).InfoContext(ctx, "bundle ended", "completed", completed)
	}
	// Those that were cancelled meanwhile have lines of their own.
	if completed < len(computed) || !w.client.log.Enabled(ctx, level) {
		return
	}
	for _, i := range computed {
		m := w.client.newInline(i)
		m.State = Completed
		m.FinishedAt = new(time.Now())
		m.Progress.Attempts = int64(job.Attempt)
		endOf(m).Log(ctx, w.client.log, level)
	}
}

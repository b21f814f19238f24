package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/millrace/millrace/store"
)

const (
	sweepInterval = time.Minute
	// orphansEvery is how many sweeps there are to one that also walks over the block store.
	orphansEvery = 10
	// settleBatch is how many products one sweep settles at most; the next one goes on.
	settleBatch = 1000
)

// SweepArgs is the maintenance job: it settles products whose jobs ended without us and removes what has expired.
type SweepArgs struct {
	Orphans bool `json:"orphans"` // also look for blocks that no row owns
}

// Kind implements river.JobArgs.
func (SweepArgs) Kind() string { return "sweep" }

// InsertOpts implements river.JobArgsWithInsertOpts: a sweep that fails is made good by the next one.
func (SweepArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queueMaintenance, MaxAttempts: 1}
}

// periodicJobs are what the leader enqueues.
func periodicJobs() []*river.PeriodicJob {
	sweep := func(orphans bool) river.PeriodicJobConstructor {
		return func() (river.JobArgs, *river.InsertOpts) { return SweepArgs{Orphans: orphans}, nil }
	}
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(sweepInterval), sweep(false), &river.PeriodicJobOpts{RunOnStart: true}),
		river.NewPeriodicJob(river.PeriodicInterval(orphansEvery*sweepInterval), sweep(true), nil),
	}
}

// sweepWorker does the maintenance.
type sweepWorker struct {
	river.WorkerDefaults[SweepArgs]
	store  *store.Store
	client *Client
	log    *slog.Logger
}

// Timeout implements river.Worker: removing the blocks of many large matrices takes a while.
func (w *sweepWorker) Timeout(*river.Job[SweepArgs]) time.Duration {
	return orphansEvery * sweepInterval
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, job *river.Job[SweepArgs]) error {
	if err := w.settle(ctx); err != nil {
		return fmt.Errorf("settling products: %w", err)
	}
	swept, err := w.store.SweepExpired(ctx)
	if err != nil {
		return err
	}
	if job.Args.Orphans {
		orphans, err := w.store.SweepOrphans(ctx)
		if err != nil {
			return err
		}
		swept.Orphans = orphans.Orphans
	}
	if swept != (store.Swept{}) {
		w.log.InfoContext(ctx, "swept", "multiplications", swept.Multiplications, "matrices", swept.Matrices,
			"keys", swept.Keys, "orphans", swept.Orphans)
	}
	return nil
}

// settle fails the products that are not finished although all their jobs are: River may discard or cancel a job without
// passing through our code, or a process may die between the two.
func (w *sweepWorker) settle(ctx context.Context) error {
	unsettled, err := w.store.ListUnsettled(ctx, settleBatch)
	if err != nil {
		return err
	}
	for _, id := range unsettled {
		errors, err := w.store.ListTileErrors(ctx, 1, []uuid.UUID{id})
		if err != nil {
			return err
		}
		reason := "its jobs ended without a result"
		if len(errors) > 0 {
			reason = fmt.Sprintf("tile %d, attempt %d: %s", errors[0].Tile, errors[0].Attempt, errors[0].Message)
		}
		if err := w.client.end(ctx, id, store.Failed, reason, 0); err != nil {
			return err
		}
	}
	return nil
}

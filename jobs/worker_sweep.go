package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/outputs"
)

const (
	sweepInterval = time.Minute
	// orphansEvery is how many sweeps there are to one that also walks over the block store.
	orphansEvery = 10
)

// SweepArgs is the maintenance job: it reconciles multiplications with their jobs and deletes what has expired.
type SweepArgs struct {
	Orphans bool `json:"orphans"` // also look for blocks that no row owns
}

// Kind implements river.JobArgs.
func (SweepArgs) Kind() string { return "sweep" }

// InsertOpts implements river.JobArgsWithInsertOpts: the next sweep makes good for one that fails.
func (SweepArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: queue.Maintenance, MaxAttempts: 1}
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
	client *Client
}

// Timeout implements river.Worker: deleting the blocks of many large matrices takes a while.
func (w *sweepWorker) Timeout(*river.Job[SweepArgs]) time.Duration {
	return orphansEvery * sweepInterval
}

// Work implements river.Worker. An error of one part keeps it from none of the others.
func (w *sweepWorker) Work(ctx context.Context, job *river.Job[SweepArgs]) error {
	ctx = database.Unhurried(ctx) //house:ignore bound the context has the Timeout of the job
	within := lately
	if job.Args.Orphans {
		within = ever
	}
	var errs [2]error
	if err := w.client.reconcile(ctx, within); err != nil {
		errs[0] = fmt.Errorf("reconciling multiplications: %w", err)
	}
	swept, err := w.client.store.SweepExpired(ctx)
	errs[1] = errors.Join(err, w.client.quotas.Recount(ctx), w.client.webhooks.Sweep(ctx),
		outputs.Sweep(ctx, w.client.store))
	if job.Args.Orphans {
		orphans, err := w.client.store.SweepOrphans(ctx)
		swept.Orphans = orphans.Orphans
		errs[1] = errors.Join(errs[1], err)
	}
	if swept != (store.Swept{}) {
		w.client.log.InfoContext(ctx, "swept", "multiplications", swept.Multiplications, "matrices", swept.Matrices,
			"keys", swept.Keys, "orphans", swept.Orphans)
	}
	return errors.Join(errs[:]...)
}

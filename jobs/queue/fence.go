package queue

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
)

// This file fences the outcomes of attempts. A process may be frozen or cut off while it runs a job. The job is then
// rescued, and another process runs it in a new attempt. River's update of the outcome only asks whether the job is
// running, not in which attempt: the late report of the first process would end the second attempt.
//
// So each attempt says in its report which one it is, and reports of attempts that are not the present one are
// dropped in the transaction that would write them.
//
// The order to stop does not say for which attempt it is, either. It may come so late that its job was cancelled, was
// retried, and runs again: then it stops the new attempt. Its report finds no mark in the job, and is one of an attempt
// that was interrupted.

// report is what an attempt adds to its report, under the key of River's recorded output. It is not stored.
type report struct {
	AttemptedAt *time.Time `json:"millrace_attempted_at"`
}

// signer is the middleware that adds the report.
type signer struct {
	river.MiddlewareDefaults
}

// Work implements rivertype.WorkerMiddleware.
func (*signer) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if err := river.RecordOutput(ctx, report{AttemptedAt: job.AttemptedAt}); err != nil {
		return err
	}
	return work(ctx)
}

// writeOutcomes writes the outcomes of attempts. Their rows are locked in the order of their ids, as by each other
// statement on several jobs, so that none waits for another in a circle.
func (e executor) writeOutcomes(
	ctx context.Context, params *riverdriver.JobSetStateIfRunningManyParams,
) ([]*rivertype.JobRow, error) {
	tx, err := e.Executor.Begin(ctx)
	if err != nil {
		return nil, err
	}
	//house:ignore bound a rollback has the timeout of any statement, see store/database
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // without effect after the commit
	attempts, err := db.New(e.driver.UnwrapTx(tx)).LockAttempts(ctx, cancelMark, params.ID)
	if err != nil {
		return nil, err
	}
	present := make(map[int64]db.LockAttemptsRow, len(attempts))
	for _, a := range attempts {
		present[a.ID] = a
	}
	outcomes := fenced(params, present)
	if len(outcomes.ID) == 0 {
		return nil, nil
	}
	jobs, err := tx.JobSetStateIfRunningMany(ctx, outcomes)
	if err != nil {
		return nil, err
	}
	return jobs, tx.Commit(ctx)
}

// fenced returns the outcomes without those of attempts that are not the present ones of their jobs, and without the
// reports. An outcome without a report, which is one of a job that could not be started, is kept.
func fenced(
	p *riverdriver.JobSetStateIfRunningManyParams, present map[int64]db.LockAttemptsRow,
) *riverdriver.JobSetStateIfRunningManyParams {
	kept := &riverdriver.JobSetStateIfRunningManyParams{Now: p.Now, Schema: p.Schema}
	for i, id := range p.ID {
		updates, r := split(p.MetadataUpdates[i])
		job, found := present[id]
		if found && r.AttemptedAt != nil && !job.AttemptedAt.Equal(*r.AttemptedAt) {
			continue
		}
		if found && !job.ToldToStop {
			stoppedLate(p, i)
		}
		kept.ID = append(kept.ID, id)
		kept.Attempt = append(kept.Attempt, p.Attempt[i])
		kept.ErrData = append(kept.ErrData, p.ErrData[i])
		kept.FinalizedAt = append(kept.FinalizedAt, p.FinalizedAt[i])
		kept.MetadataDoMerge = append(kept.MetadataDoMerge, p.MetadataDoMerge[i] && updates != nil)
		kept.MetadataUpdates = append(kept.MetadataUpdates, updates)
		kept.ScheduledAt = append(kept.ScheduledAt, p.ScheduledAt[i])
		kept.State = append(kept.State, p.State[i])
	}
	return kept
}

// stoppedLate makes the outcome of an attempt that was told to stop, when its job is not, one that was interrupted.
func stoppedLate(p *riverdriver.JobSetStateIfRunningManyParams, i int) {
	var failure rivertype.AttemptError
	if p.State[i] != rivertype.JobStateCancelled || json.Unmarshal(p.ErrData[i], &failure) != nil ||
		failure.Error != rivertype.ErrJobCancelledRemotely.Error() {
		return
	}
	p.State[i] = rivertype.JobStateAvailable
	p.ScheduledAt[i] = new(time.Now())
	p.Attempt[i] = new(failure.Attempt - 1)
	p.ErrData[i] = nil
	p.FinalizedAt[i] = nil
}

// split returns the changes of a job's metadata without the report, nil when there are no others, and the report.
func split(metadata []byte) ([]byte, report) {
	var r report
	var updates map[string]json.RawMessage
	if json.Unmarshal(metadata, &updates) != nil {
		return metadata, r
	}
	output, found := updates[rivertype.MetadataKeyOutput]
	if !found || json.Unmarshal(output, &r) != nil || r.AttemptedAt == nil {
		return metadata, report{}
	}
	delete(updates, rivertype.MetadataKeyOutput)
	if len(updates) == 0 {
		return nil, r
	}
	rest, err := json.Marshal(updates)
	if err != nil {
		return metadata, r
	}
	return rest, r
}

// withSigner returns the middleware of jobs, with that of the fence around it.
func withSigner(middleware []rivertype.Middleware) []rivertype.Middleware {
	return slices.Concat([]rivertype.Middleware{&signer{}}, middleware)
}

// AttemptIsPresentTx reports whether a job runs in the attempt that began at a time. It does so until the end of the
// transaction.
func (c *Client) AttemptIsPresentTx(
	ctx context.Context, tx *store.Tx, job int64, attemptedAt *time.Time,
) (bool, error) {
	if attemptedAt == nil {
		return false, nil
	}
	locked, err := db.New(tx.Pgx()).LockAttempt(ctx, job, *attemptedAt)
	return len(locked) > 0, err
}

package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
)

// Group is the jobs of one multiplication: those in its ranges of ids, view job_ranges, that have its id in their args.
// Jobs of other groups may have ids in these ranges. First and Last are the smallest and the largest id; First is
// greater than Last when there are no jobs.
type Group struct {
	ID    uuid.UUID
	First int64
	Last  int64
}

// Order says how jobs of a group are enqueued.
type Order struct {
	Kind     string // of the jobs; their args are the group's id as multiplication_id, and tile
	Queue    string
	Priority int        // 1 to 4, 1 is the most urgent
	Title    string     // what the group is, for people who look at its jobs
	QueuedAt *time.Time // since when they are due; nil: now
	Across   int64      // pieces of the tiles in a row of the result; two rows are in line side by side
	Tenant   identity.TenantID
	Share    float64 // of what the tenant gets, against its other groups; 0: 1
	// Cost is what one of them takes, in seconds of a core. Those that cost something stand in the line that is fair; the
	// others are worked in the order in which they are due.
	Cost float64
}

// share returns the share of the group.
func (o Order) share() float32 { return float32(cmp.Or(o.Share, 1)) }

// metadata is what a job tells about its group, to people and to programs that search River's jobs.
type metadata struct {
	MultiplicationID uuid.UUID `json:"multiplication_id"`
	Title            string    `json:"product"`
	// Origin is that of tracing: it leads to the submission, if that is recorded.
	Origin string `json:"traceparent,omitempty"`
}

// EnqueueTx enqueues a job for each of some tiles, from first to last, and returns them as a group. Their tag is the id
// of the group: by it River UI finds them. Their queue is woken after the commit.
func (c *Client) EnqueueTx(
	ctx context.Context, tx *store.Tx, id uuid.UUID, o Order, first, last int64,
) (Group, error) {
	group := Group{ID: id, Last: -1}
	if first > last {
		return group, nil
	}
	text, err := json.Marshal(metadata{
		MultiplicationID: id,
		Title:            o.Title,
		Origin:           tracing.Origin(ctx),
	})
	if err != nil {
		return group, err
	}
	inserted, err := db.New(tx.Pgx()).InsertTiles(ctx, db.InsertTilesParams{
		Kind:        o.Kind,
		GroupID:     id.String(),
		MaxAttempts: MaxAttempts,
		Metadata:    text,
		Priority:    int16(o.Priority), //nolint:gosec // 1 to 4
		Queue:       o.Queue,
		QueuedAt:    o.QueuedAt,
		TilesAcross: max(1, o.Across),
		Tenant:      int32(o.Tenant),
		Share:       o.share(),
		Cost:        float32(o.Cost),
		FirstTile:   first,
		LastTile:    last,
	})
	if err != nil {
		return group, fmt.Errorf("enqueueing tiles %d to %d: %w", first, last, err)
	}
	group.First = inserted.FirstJob
	group.Last = inserted.LastJob
	tx.AfterCommit(func() {
		c.line.Add(o.Tenant, o.Cost*float64(last-first+1))
		c.Wake(o.Queue)
	})
	return group, nil
}

// RestoreTx enqueues the tiles of a group, from 0 to last, that have no job, and returns these jobs as a group. It also
// returns how many tiles have a job that is counted.
func (c *Client) RestoreTx(
	ctx context.Context, tx *store.Tx, id uuid.UUID, o Order, last int64,
) (restored Group, counted int64, err error) {
	text, err := json.Marshal(metadata{MultiplicationID: id, Title: o.Title})
	if err != nil {
		return restored, 0, err
	}
	row, err := db.New(tx.Pgx()).InsertMissingTiles(ctx, db.InsertMissingTilesParams{
		GroupID:     id.String(),
		Kind:        o.Kind,
		MaxAttempts: MaxAttempts,
		Metadata:    text,
		Priority:    int16(o.Priority), //nolint:gosec // 1 to 4
		Queue:       o.Queue,
		QueuedAt:    o.QueuedAt,
		TilesAcross: max(1, o.Across),
		LastTile:    last,
	})
	if err != nil {
		return restored, 0, fmt.Errorf("enqueueing the tiles without jobs: %w", err)
	}
	restored = Group{
		ID:    id,
		First: row.FirstJob,
		Last:  row.LastJob,
	}
	return restored, row.Counted, nil
}

// CompleteTx marks a job as completed, and reports whether it was unfinished and not counted before. A job that is
// marked as counted stays so when a person retries it in River UI.
func (c *Client) CompleteTx(ctx context.Context, tx *store.Tx, job int64, markCounted bool) (bool, error) {
	n, err := db.New(tx.Pgx()).CompleteJob(ctx, markCounted, job)
	return n > 0, err
}

// CancelTx cancels the waiting jobs of a group in one statement and the others, which are few, by River, which tells
// the workers of those that run. Job except, 0 for none, is about to end by itself and is marked only. A job may
// change its state between the statements, so the second takes each that is not finished: after this no job of the
// group will start, unless a person retries it.
func (c *Client) CancelTx(ctx context.Context, tx *store.Tx, g Group, except int64) error {
	q := db.New(tx.Pgx())
	if err := q.CancelWaiting(ctx, g.ID); err != nil {
		return err
	}
	unfinished, err := q.ListUnfinished(ctx, g.ID)
	if err != nil {
		return err
	}
	for _, job := range unfinished {
		if job == except {
			err = q.MarkCancelled(ctx, cancelMark, job)
		} else {
			_, err = c.river.JobCancelTx(ctx, tx.Pgx(), job)
		}
		if err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return err
		}
	}
	return nil
}

const (
	// attemptsLimit is where the number of attempts at a job begins anew when it is retried by a client.
	attemptsLimit = 10_000
	// errorsLimit is how many of its newest errors a job keeps when it is retried by a client.
	errorsLimit = 50
)

// RequeueTx enqueues the cancelled and discarded jobs of a group again, with a full set of attempts.
func (c *Client) RequeueTx(ctx context.Context, tx *store.Tx, g Group) error {
	return db.New(tx.Pgx()).Requeue(ctx, db.RequeueParams{
		MaxAttempts:  attemptsLimit,
		MoreAttempts: MaxAttempts,
		MaxErrors:    errorsLimit,
		CancelMark:   cancelMark,
		GroupID:      g.ID,
	})
}

// RunningTx counts the running jobs of a group.
func (c *Client) RunningTx(ctx context.Context, tx *store.Tx, g Group) (int64, error) {
	return db.New(tx.Pgx()).CountRunning(ctx, g.ID)
}

// Uncounted reports whether a group has jobs of the tiles from first to last that are not completed and counted.
func (c *Client) Uncounted(ctx context.Context, group uuid.UUID, first, last int64) (bool, error) {
	return c.db.HasUncounted(ctx, group, first, last)
}

// StoppingTx counts the running jobs of a group that have been told to stop.
func (c *Client) StoppingTx(ctx context.Context, tx *store.Tx, g Group) (int64, error) {
	return db.New(tx.Pgx()).CountStopping(ctx, g.ID, cancelMark)
}

// AttemptIsWantedTx reports whether a job runs in the attempt that began at a time, and was not told to stop.
func (c *Client) AttemptIsWantedTx(ctx context.Context, tx *store.Tx, job int64, attemptedAt time.Time) (bool, error) {
	return db.New(tx.Pgx()).AttemptIsWanted(ctx, job, attemptedAt, cancelMark)
}

// Progress is what the jobs of a group tell.
type Progress struct {
	Running   int64
	Retrying  int64 // failed at least once and waiting for the next attempt
	Discarded int64 // out of attempts
	Failures  int64 // jobs that have failed at least once
	Attempts  int64 // jobs that were started, each as often as it was
	// Next is when the first job that is to be tried again is due; before 1971 if there is none.
	Next time.Time
}

// BatchProgress adds to a batch the reading of the progress of groups. The map has it after the batch was sent.
func BatchProgress(batch *pgx.Batch, ids []uuid.UUID) map[uuid.UUID]Progress {
	progress := make(map[uuid.UUID]Progress, len(ids))
	batch.Queue(db.ListProgress, ids).Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		found, err := db.New(database.NewSent(rows)).ListProgress(context.Background(), ids)
		for _, row := range found {
			progress[row.GroupID] = Progress{
				Running:   row.Running,
				Retrying:  row.Retrying,
				Discarded: row.Discarded,
				Failures:  row.Failures,
				Attempts:  row.Attempts,
				Next:      row.NextAttempt,
			}
		}
		return err
	})
	return progress
}

// Error is one failed attempt at a job.
type Error struct {
	Tile    int64
	Attempt int32
	At      time.Time
	Message string
}

// BatchErrors adds to a batch the reading of up to limit of the newest errors of each of several groups. They are in
// the returned map, newest first, after the batch was sent.
func BatchErrors(batch *pgx.Batch, ids []uuid.UUID, limit int) map[uuid.UUID][]Error {
	params := db.ListErrorsParams{
		AttemptKey: errorAttempt,
		AtKey:      errorAt,
		MessageKey: errorMessage,
		MaxRows:    int32(limit), //nolint:gosec // a page
		Ids:        ids,
	}
	errs := map[uuid.UUID][]Error{}
	query := batch.Queue(db.ListErrors, params.AttemptKey, params.AtKey, params.MessageKey, params.MaxRows, params.Ids)
	query.Query(func(rows pgx.Rows) error {
		//house:ignore bound the batch is sent already, with a context of its own
		found, err := db.New(database.NewSent(rows)).ListErrors(context.Background(), params)
		for _, row := range found {
			errs[row.GroupID] = append(errs[row.GroupID], Error{
				Tile:    row.Tile,
				Attempt: row.Attempt,
				At:      row.At,
				Message: row.Message,
			})
		}
		return err
	})
	return errs
}

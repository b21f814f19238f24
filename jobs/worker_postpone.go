package jobs

import (
	"context"
	"errors"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/persist"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// maxPostponed is how often a tile is postponed before the unavailability counts as a failure of its attempt: an error
// that always looks like it must end at some time.
const maxPostponed = 10_000

// postpone returns what River is told of an attempt that returned err: one that ended because the database is
// unavailable is no attempt, and the job is tried again after a pause.
func (c *Client) postpone(ctx context.Context, job *rivertype.JobRow, err error) error {
	if !store.Unavailable(err) && !errors.Is(err, persist.ErrUnavailable) || queue.Snoozes(job) >= maxPostponed {
		return err
	}
	c.log.With(measure.Subject(job)).WarnContext(ctx, "a job is postponed until the database is available", "error", err)
	return river.JobSnooze(persist.LastPause)
}

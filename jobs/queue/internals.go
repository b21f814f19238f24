package queue

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/watch/notify"
)

// This file holds what Millrace relies on of River that River does not promise. Each fact was checked against
// riverVersion and has a test in internals_test.go that fails when River changes it.

// riverVersion is the version of github.com/riverqueue/river that the facts of this file were checked against.
const riverVersion = "v0.51.1"

// cancelMark is the key in a job's metadata that River sets when a running job is to be cancelled, and by which its
// rescuer and its outcome updates keep the job from running again.
const cancelMark = "cancel_attempted_at"

// The keys of an element of a job's errors, those of rivertype.AttemptError.
const (
	errorAt      = "at"
	errorAttempt = "attempt"
	errorMessage = "error"
	errorTrace   = "trace"
)

// insertChannel is where River's producers listen for new jobs; wakePayload is what they expect there. Each queue
// needs a notification of its own. All channels on which River listens, and when it does so again after a fault, are in
// package listen.
var insertChannel = notify.Channel{
	Name:      "river_insert",
	Pause:     smallCooldown,
	Unbatched: true,
	Unhurried: true,
}

// crowdChannel is insertChannel for jobs that get more while they wait. That workers are woken less often makes fewer
// and larger bundles: what a bundle takes besides its multiplications is a third of the work.
var crowdChannel = notify.Channel{
	Name:      insertChannel.Name,
	Pause:     crowdPause,
	Unbatched: true,
	Unhurried: true,
}

func wakePayload(queue string) string { return fmt.Sprintf(`{"queue":%q}`, queue) }

// silentCooldown, as River's FetchCooldown at the top level, keeps River from sending insert notifications itself but
// for one in that time: it would send them in the transactions of submissions, which would then commit one after the
// other, and it drops one that follows another too soon. The cooldowns of the queues are their own.
const silentCooldown = 24 * time.Hour

// River's fetch appends the client's id to attempted_by, sets attempted_at and adds one to attempt: the last element
// of attempted_by is the worker that runs a job. Statements Rescue and Reclaim rely on it.

// River fetches with JobGetAvailable of its driver's executor, and nothing runs of what that does not return; it writes
// the outcome of each attempt with JobSetStateIfRunningMany, and tries again until that returns no error. The driver of
// this package relies on it. Middleware runs outside of a job's timeout: what waits there does not use it up.

// The completer of River writes the outcomes of attempts by JobSetStateIfRunningMany of its driver's executor, many at
// once, and recorded output is in the changes of metadata there: fence.go relies on it. What an attempt returns decides
// the outcome as follows, whether or not it is the present attempt. Nil completes the job. JobCancel, and each error
// after an order to stop from JobCancel, cancels it. JobSnooze takes the attempt back and makes the job scheduled, or
// available at a time to come if that is less than five seconds away. An error after the client was told to stop takes
// the attempt back, too, and makes the job available now. Each other error, and a panic, adds an error, and makes the
// job retryable, available at a time to come within five seconds, or, after the last attempt, discarded.

// River fetches by priority, scheduled_at and id. When it puts a job back into the queue it sets scheduled_at, and
// its scheduler makes a job available without changing that: the job would wait behind all that were enqueued
// meanwhile. Trigger keep_place, of migration 00008, keeps its place. In queue tiles the place is a time more than a
// thousand years ago; see package line. A time that InsertOpts has, be it in the past, would make a job scheduled:
// jobs are inserted by statements of this package. Nothing of River compares the scheduled_at of a job that is
// available with anything but the present: its cleaner looks at finalized_at, its rescuer at attempted_at, its
// scheduler at what is scheduled or retryable, whose scheduled_at is a time.

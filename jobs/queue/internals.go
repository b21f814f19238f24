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
// needs a notification of its own.
var insertChannel = notify.Channel{
	Name:      "river_insert",
	Pause:     smallCooldown,
	Unbatched: true,
}

func wakePayload(queue string) string { return fmt.Sprintf(`{"queue":%q}`, queue) }

// silentCooldown, as River's FetchCooldown at the top level, keeps River from sending insert notifications itself but
// for one in that time: it would send them in the transactions of submissions, which would then commit one after the
// other, and it drops one that follows another too soon. The cooldowns of the queues are their own.
const silentCooldown = 24 * time.Hour

// River's fetch appends the client's id to attempted_by, sets attempted_at and adds one to attempt: the last element
// of attempted_by is the worker that runs a job. Statements Rescue and
// Reclaim rely on it.

// River fetches with JobGetAvailable of its driver's executor, and nothing runs of what that does not return; it writes
// the outcome of each attempt with JobSetStateIfRunningMany, and tries again until that returns no error. The driver of
// this package relies on it. Middleware runs outside of a job's timeout: what waits there does not use it up.

// River's scheduler makes a retryable job available when its scheduled_at has come, and keeps that as its place in
// line. Statement Rescue sets it a while after the time at which ReturnToLine returns the job.

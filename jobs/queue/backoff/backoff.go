// Package backoff says when a job that failed is tried again.
package backoff

import (
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river/rivertype"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// Policy is exponential backoff with jitter: 1 s, 2 s, 4 s … 5 min, each between a half and the whole of it, so
// that jobs that failed together do not come back together.
type Policy struct {
	MaxAttempts int // how often a job is tried before its attempts are added to
}

// NextRetry implements river.ClientRetryPolicy.
func (p Policy) NextRetry(job *rivertype.JobRow) time.Time {
	since := job.Attempt - (job.MaxAttempts - p.MaxAttempts) // a retry by hand adds attempts and begins anew
	return time.Now().Add(backoff(since, rand.Float64()))    //nolint:gosec // jitter is no secret
}

// backoff returns the pause after the given attempt, which counts from 1; jitter is in [0,1).
func backoff(attempt int, jitter float64) time.Duration {
	pause := lastRetry
	if shift := max(0, attempt-1); shift < 30 {
		pause = min(pause, firstRetry<<shift)
	}
	return pause/2 + time.Duration(jitter*float64(pause/2))
}

package queue

import (
	"fmt"
	"net/url"

	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/jobs/queue/ui"
)

// NewUI returns River UI for a server that serves it below prefix.
func (c *Client) NewUI(prefix string) (*ui.UI, error) { return ui.New(c.river, prefix, c.log) }

// JobState is the state of a job, as River names it.
type JobState = rivertype.JobState

// The states of jobs that JobsPage shows.
const (
	JobAvailable = rivertype.JobStateAvailable
	JobCancelled = rivertype.JobStateCancelled
	JobCompleted = rivertype.JobStateCompleted
	JobDiscarded = rivertype.JobStateDiscarded
	JobRetryable = rivertype.JobStateRetryable
	JobRunning   = rivertype.JobStateRunning
)

// JobsPage returns where River UI shows the jobs of a group, below the path at which it is mounted: the page of the
// job when there is only one, which is found by its id, however many there are; else the list of jobs with the
// group's tag in one state, since River UI shows one state at a time. No index has the tags, so the queue narrows
// down where they are looked for. It is empty when there are no jobs.
func JobsPage(g Group, queue string, state JobState) string {
	switch {
	case g.First > g.Last:
		return ""
	case g.First == g.Last:
		return fmt.Sprintf("jobs/%d", g.First)
	}
	query := url.Values{"queue": {queue}, "tags": {g.ID.String()}, "state": {string(state)}}
	return "jobs?" + query.Encode()
}

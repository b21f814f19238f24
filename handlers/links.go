package handlers

import (
	"fmt"
	"net/url"

	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/store"
)

func (a *API) multiplicationLinks(s store.Status) resource.MultiplicationLinks {
	self := multiplicationPath(s.Multiplication.ID)
	links := resource.MultiplicationLinks{Self: self, Events: self + "/events"}
	if a.site.RiverUI != nil {
		links.Jobs = jobsPage(s)
	}
	return links
}

// jobsPage returns the path of the page in River UI that shows the jobs of a multiplication: the page of the job if
// there is one job, otherwise a list, filtered by tag, queue and state. The state is necessary because River UI lists
// one state at a time, the queue because there is no index on tags.
func jobsPage(s store.Status) string {
	p := s.Multiplication
	switch {
	case p.TilesTotal == 0: // nothing to compute, no jobs
		return ""
	case p.FirstJob == p.LastJob:
		return fmt.Sprintf("%sjobs/%d", riverUIPath, p.FirstJob)
	}
	query := url.Values{
		"queue": {jobs.QueueOf(p.Plan())},
		"tags":  {p.ID.String()},
		"state": {string(jobState(s))},
	}
	return riverUIPath + "jobs?" + query.Encode()
}

// jobState returns the state of the jobs that explain the state of a multiplication.
func jobState(s store.Status) rivertype.JobState {
	switch s.Multiplication.State {
	case store.Pending:
		return rivertype.JobStateAvailable
	case store.Completed:
		return rivertype.JobStateCompleted
	case store.Failed, store.Cancelled:
		if s.Discarded > 0 { // the job without attempts left is the reason why the others were cancelled
			return rivertype.JobStateDiscarded
		}
		return rivertype.JobStateCancelled
	}
	if s.Running == 0 && s.Retrying > 0 {
		return rivertype.JobStateRetryable
	}
	return rivertype.JobStateRunning
}

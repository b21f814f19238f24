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

// jobsPage is where River UI shows the jobs of a product: the page of the job when there is only one, which is found by its
// id, however many there are. Else the list of those with the product's tag, in the state that tells most: River UI shows
// one state at a time. No index has the tags, so the queue narrows down where they are looked for.
func jobsPage(s store.Status) string {
	p := s.Multiplication
	switch {
	case p.TilesTotal == 0: // nothing to compute, no jobs
		return ""
	case p.FirstJob == p.LastJob:
		return fmt.Sprintf("%sjobs/%d", riverUIPath, p.FirstJob)
	}
	query := url.Values{"queue": {jobs.QueueOf(p.Plan())}, "tags": {p.ID.String()}, "state": {string(tellingState(s))}}
	return riverUIPath + "jobs?" + query.Encode()
}

// tellingState is the state of the jobs that a person wants to see.
func tellingState(s store.Status) rivertype.JobState {
	switch s.Multiplication.State {
	case store.Pending:
		return rivertype.JobStateAvailable
	case store.Completed:
		return rivertype.JobStateCompleted
	case store.Failed, store.Cancelled:
		if s.Discarded > 0 { // the one that was out of attempts, among those that were cancelled because of it
			return rivertype.JobStateDiscarded
		}
		return rivertype.JobStateCancelled
	}
	if s.Running == 0 && s.Retrying > 0 {
		return rivertype.JobStateRetryable
	}
	return rivertype.JobStateRunning
}

package handlers

import (
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

func (a *API) multiplicationLinks(m jobs.Multiplication) resource.MultiplicationLinks {
	self := multiplicationPath(m.ID)
	links := resource.MultiplicationLinks{Self: self, Events: self + "/events"}
	if page := m.JobsPage(); a.site.RiverUI != nil && page != "" {
		links.Jobs = riverUIPath + page
	}
	return links
}

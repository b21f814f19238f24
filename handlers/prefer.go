package handlers

import (
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/guard"
)

// Waiting is the input of an operation whose response may wait until the multiplication has finished.
type Waiting struct {
	Prefer string `header:"Prefer" example:"wait=10" doc:"wait=N: wait up to N seconds, at most 60, for the multiplication to finish (RFC 7240). The response to one that completes has its result in result.values, if it is small."`

	asked bool
	limit time.Duration
}

// Resolve implements huma.Resolver.
func (w *Waiting) Resolve(huma.Context) []error {
	w.limit, w.asked = guard.WaitPreference(w.Prefer)
	return nil
}

// applied returns the Preference-Applied header of a response that has waited.
func (w *Waiting) applied() string {
	return "wait=" + strconv.FormatInt(int64(w.limit/time.Second), 10)
}

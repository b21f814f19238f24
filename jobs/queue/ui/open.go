package ui

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/riverqueue/river/rivertype"
)

// shown are the states of jobs in the order in which River UI opens on their lists: first what is being done, then what
// waits, then what has ended.
var shown = []rivertype.JobState{
	rivertype.JobStateRunning,
	rivertype.JobStateRetryable,
	rivertype.JobStateAvailable,
	rivertype.JobStateScheduled,
	rivertype.JobStatePending,
	rivertype.JobStateDiscarded,
	rivertype.JobStateCancelled,
	rivertype.JobStateCompleted,
}

// opens reports whether a request is for the list of jobs without saying of which state. River UI would show those
// that run, which often are none.
func (u *UI) opens(r *http.Request) bool {
	isList := r.URL.Path == u.prefix+"/" || r.URL.Path == u.prefix+"/jobs"
	return isList && r.URL.RawQuery == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		(r.Header.Get("Accept") == "" || strings.Contains(r.Header.Get("Accept"), "text/html"))
}

// fullest returns the first state that has jobs, by River UI's own counts, which it bounds and keeps for a while; that
// of running ones if there are no jobs, or the counts cannot be read.
func (u *UI) fullest(r *http.Request) rivertype.JobState {
	counts := r.Clone(r.Context())
	counts.Method = http.MethodGet
	counts.URL.Path = u.prefix + "/api/states"
	counts.URL.RawPath = ""
	response := recorder{header: http.Header{}}
	u.handler.ServeHTTP(&response, counts)
	var states map[rivertype.JobState]struct{ Count int }
	if response.status < http.StatusMultipleChoices && json.Unmarshal(response.body.Bytes(), &states) == nil {
		for _, state := range shown {
			if states[state].Count > 0 {
				return state
			}
		}
	}
	return rivertype.JobStateRunning
}

// recorder keeps a response that no client gets.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

// Package inspect serves profiles of a process to its operators: what net/http/pprof has, but for the command line,
// in which there may be a password.
package inspect

import (
	"log/slog"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/handlers/auth"
	"github.com/millrace/millrace/identity"
)

// Prefix is that of the paths.
const Prefix = "/debug/pprof/"

// MaxSeconds is the longest time over which a process is profiled: a response of the endpoints for operators takes a
// minute at most.
const MaxSeconds = 45

// Handler serves the profiles to principals with the scope admin; if verify is nil, to all.
//
//   - goroutine, heap, allocs, threadcreate, block, mutex: the state; ?debug=2 is text
//   - profile?seconds=10: where the CPU is used
//   - trace?seconds=1: what the scheduler does
func Handler(verify auth.Verify, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, Prefix)
		if verify != nil && !auth.Admits(w, r, verify, identity.ScopeAdmin) {
			return
		}
		log.InfoContext(r.Context(), "profile", "profile", name)
		switch name {
		case "profile":
			during(w, r, 10*time.Second, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
		case "trace":
			during(w, r, time.Second, func() error { return trace.Start(w) }, trace.Stop)
		default:
			state(w, r, name)
		}
	})
}

// state writes a profile of what is now.
func state(w http.ResponseWriter, r *http.Request, name string) {
	profile := pprof.Lookup(name)
	if profile == nil {
		http.Error(w, "there are goroutine, heap, allocs, threadcreate, block, mutex, profile and trace", http.StatusNotFound)
		return
	}
	debug, err := strconv.Atoi(r.FormValue("debug"))
	if err != nil || debug < 0 || debug > 2 {
		debug = 0
	}
	describe(w, debug > 0)
	_ = profile.WriteTo(w, debug) // the client has left
}

// during profiles from start to stop, for as long as the query says.
func during(w http.ResponseWriter, r *http.Request, usual time.Duration, start func() error, stop func()) {
	period := usual
	if s := r.FormValue("seconds"); s != "" {
		seconds, err := strconv.ParseFloat(s, 64)
		if err != nil || !(seconds > 0 && seconds <= MaxSeconds) {
			http.Error(w, "seconds must be more than 0, and "+strconv.Itoa(MaxSeconds)+" at most", http.StatusBadRequest)
			return
		}
		period = time.Duration(seconds * float64(time.Second))
	}
	describe(w, false)
	if err := start(); err != nil {
		describe(w, true)
		http.Error(w, err.Error(), http.StatusConflict) // it is being profiled already
		return
	}
	defer stop()
	select {
	case <-time.After(period):
	case <-r.Context().Done():
	}
}

// describe says of what type a response is.
func describe(w http.ResponseWriter, text bool) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if text {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
}

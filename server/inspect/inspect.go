// Package inspect serves profiles of a process to its operators: what net/http/pprof has, but for the command line,
// in which there may be a password.
package inspect

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/identity"
)

// Prefix is that of the paths.
const Prefix = "/debug/pprof/"

// MaxSeconds is the longest time over which a process is profiled: a response of the endpoints for operators takes a
// minute at most.
const MaxSeconds = 45

// Verify returns for whom a token speaks. It is an identity.Verifier's.
type Verify func(ctx context.Context, token string) (identity.Principal, error)

// Handler serves the profiles to principals with the scope admin; if verify is nil, to all.
//
//   - goroutine, heap, allocs, threadcreate, block, mutex: the state; ?debug=2 is text
//   - profile?seconds=10: where the CPU is used
//   - trace?seconds=1: what the scheduler does
func Handler(verify Verify, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, Prefix)
		if verify != nil && !admits(w, r, verify) {
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

// admits reports whether a request comes from an administrator, and responds otherwise.
func admits(w http.ResponseWriter, r *http.Request, verify Verify) bool {
	w.Header().Set("Cache-Control", "no-store")
	const realm = `Bearer realm="millrace"`
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", realm)
		http.Error(w, "profiles need a key with the scope admin: Authorization: Bearer mr_…", http.StatusUnauthorized)
		return false
	}
	principal, err := verify(r.Context(), strings.TrimSpace(token))
	switch {
	case identity.Refused(err):
		w.Header().Set("WWW-Authenticate", realm+`, error="invalid_token"`)
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case err != nil:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "keys cannot be looked up now: the database is unavailable", http.StatusServiceUnavailable)
	case !principal.May(identity.ScopeAdmin):
		w.Header().Set("WWW-Authenticate", realm+`, error="insufficient_scope", scope="admin"`)
		http.Error(w, "profiles need a key with the scope admin", http.StatusForbidden)
	default:
		return true
	}
	return false
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

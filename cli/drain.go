package cli

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// draining says that a process was told to stop and still serves, until those who send it requests have heard of it.
//
// Kubernetes takes a pod out of its Services at the moment when it tells it to stop; nodes and load balancers learn it a
// little later, and until then they send new connections, which a closed listener would refuse. A client's open connections
// would go on until the end, and a request could meet their closing: so each answer tells its client to connect anew.
type draining struct {
	begun atomic.Bool
}

// closing answers as next does; while draining, it ends the connection with the answer.
func (d *draining) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// wait goes on serving for as long as it takes others to hear of the stop.
func (d *draining) wait(delay time.Duration, log *slog.Logger) {
	d.begun.Store(true)
	if delay > 0 {
		log.Info("draining", "for", delay)
		time.Sleep(delay)
	}
}

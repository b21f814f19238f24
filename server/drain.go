package server

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// draining is the state of a process that has received SIGTERM and still serves until its endpoints are updated.
//
// Kubernetes removes a pod from its Services when it sends SIGTERM. Nodes and load balancers learn of it a little
// later; until then they open new connections, which a closed listener would refuse. Connections that are open already
// would stay in use, and a request could arrive while they are being closed. So each response asks its client to
// connect anew.
type draining struct {
	begun atomic.Bool
}

// closing wraps next: while the process drains, a response closes its connection.
func (d *draining) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// run begins to drain and returns after the given time.
func (d *draining) run(period time.Duration, log *slog.Logger) {
	d.begun.Store(true)
	if period > 0 {
		log.Info("draining", "for", period)
		time.Sleep(period) // no event says that the endpoints are updated
	}
}

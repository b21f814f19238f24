package server

import (
	"log/slog"
	"net/http"
	"sync"
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

	worked  atomic.Bool   // the last tile has ended, and the metrics will not change any more
	scraped chan struct{} // closed by the first scrape after that
	once    sync.Once
}

func newDraining() *draining { return &draining{scraped: make(chan struct{})} }

// scraping wraps the handler of /metrics and notices the last scrape.
func (d *draining) scraping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := d.worked.Load()
		next.ServeHTTP(w, r)
		if last {
			d.once.Do(func() { close(d.scraped) })
		}
	})
}

// awaitScrape returns after the next scrape of the metrics, or after the given time. What a worker counts at its end,
// such as the tiles that it has handed back, would else never reach Prometheus.
func (d *draining) awaitScrape(atMost time.Duration, log *slog.Logger) {
	d.worked.Store(true)
	if atMost <= 0 {
		return
	}
	log.Info("waiting for the last scrape", "for", atMost)
	select {
	case <-d.scraped:
	case <-time.After(atMost):
	}
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

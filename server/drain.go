package server

import (
	"context"
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

const (
	// storing is how long a worker may need after its soft stop: a computed tile is stored for up to 30 s (storeTimeout in
	// jobs/worker_tile.go), and 5 s are left for the rest.
	storing = 30*time.Second + 5*time.Second
	// cleaning is how long an API may need after its soft stop: its last job ends and its lease is released in 15 s, its
	// operators' endpoints and its connections in 7 s.
	cleaning = 15*time.Second + 7*time.Second
)

// stopTime is how long the process may need from the order to stop to its end.
func (c Config) stopTime() time.Duration {
	if c.Role.works() {
		return c.Drain + c.Work.SoftStop + storing
	}
	return c.Drain + c.Work.SoftStop + cleaning
}

// warnOfStop says if the process may be killed before it has stopped.
func (c Config) warnOfStop(ctx context.Context, log *slog.Logger) {
	if needs := c.stopTime(); c.StopWithin > 0 && needs > c.StopWithin {
		log.WarnContext(ctx, "the process may be killed while it stops: raise the time that it is given, and --stop-within",
			"drain", c.Drain, "soft_stop", c.Work.SoftStop, "may_need", needs, "stop_within", c.StopWithin)
	}
}

// maintenanceStop is how long the jobs of an API, which are sweeps, may take to end after they were interrupted.
const maintenanceStop = 5 * time.Second

// hardStop returns how long jobs may take to end after they were interrupted; 0 is the queue's default.
func (c Config) hardStop() time.Duration {
	if c.Role.works() {
		return 0
	}
	return maintenanceStop
}

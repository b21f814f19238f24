package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The bounds of the endpoints for operators: Prometheus, probes and people are few, and what they read is short.
const (
	opsConnections  = 256
	opsWriteTimeout = time.Minute
)

// opsListening says how the endpoints for operators are served.
func (p *Process) opsListening() listening {
	return listening{
		addr:           p.config.OpsAddr,
		hosts:          p.config.Hosts,
		maxConnections: opsConnections,
		proxies:        p.config.Clients.TrustedProxies,
		writeTimeout:   opsWriteTimeout,
		refusals:       p.refusals,
		log:            p.log,
	}
}

// apiListening says how the API is served, with a certificate or without. Its responses last as long as they move.
func (p *Process) apiListening() listening {
	return listening{
		addr:           p.config.Addr,
		hosts:          p.config.Hosts,
		maxConnections: p.config.Clients.MaxConnections,
		proxies:        p.config.Clients.TrustedProxies,
		pair:           p.pair,
		refusals:       p.refusals,
		log:            p.log,
	}
}

// opsHandler serves the endpoints for operators, which every role has from its first moment on:
//
//   - /livez: 200 while the process runs
//   - /readyz: 200 while the process can do its work: it has started, has not received SIGTERM, the database takes
//     writes, and a worker has a lease
//   - /readyz?exclude=database: the same whatever the state of the database
//   - /metrics
func opsHandler(ready *readiness, metrics prometheus.Gatherer, d *draining) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.scraping(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		err := ready.process()
		if err == nil && r.URL.Query().Get("exclude") != "database" {
			err = ready.withDatabase(r.Context())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

package server

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ReadyTimeout is how long /readyz waits for the database before it reports the process as not ready.
const ReadyTimeout = 2 * time.Second

// opsHandler serves the endpoints for operators, which every role has:
//
//   - /livez: 200 while the process runs
//   - /readyz: 200 while the database is available and the process has not received SIGTERM
//   - /metrics
func opsHandler(pool *pgxpool.Pool, metrics prometheus.Gatherer, d *draining) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.scraping(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if d.begun.Load() {
			http.Error(w, "the process is stopping", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), ReadyTimeout)
		defer cancel()
		if err := pool.Ping(ctx); err != nil {
			http.Error(w, "the database is unavailable", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

package server

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/server/inspect"
	"github.com/millrace/millrace/store/keys"
)

// The bounds of the endpoints for operators: Prometheus, probes and people are few, and what they read is short.
const (
	opsConnections  = 256
	opsWriteTimeout = time.Minute
	opsStop         = 2 * time.Second
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

// startOps starts the endpoints for operators.
func (p *Process) startOps(ctx context.Context) error {
	tcp, err := p.opsListening().bind(ctx)
	if err != nil {
		return err
	}
	handler := opsHandler(p.ready, p.registry, p.draining, p.profiles(tcp.Addr()))
	p.ops = serve(ctx, tcp, p.opsListening(), handler)
	p.ops.gracePeriod = opsStop
	return nil
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
//   - /debug/pprof/: profiles, for administrators
func opsHandler(ready *readiness, metrics prometheus.Gatherer, d *draining, profiles http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+inspect.Prefix, profiles)
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

// profiles serves profiles at an address: on a loopback address to all, unless keys are required everywhere, and
// elsewhere to keys with the scope admin.
func (p *Process) profiles(addr net.Addr) http.Handler {
	if everywhere := (Access{Auth: p.config.Access.Auth}); !everywhere.required(addr, false) {
		return inspect.Handler(nil, p.log)
	}
	verifier := keys.NewVerifier(keys.Open(p.pool), p.log)
	return inspect.Handler(func(ctx context.Context, token string) (identity.Principal, error) {
		verifier.ForgetAll() // it is not told of revocations
		return verifier.Verify(ctx, token)
	}, p.log)
}

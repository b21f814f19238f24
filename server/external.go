package server

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/millrace/millrace/server/externalmetrics"
)

// The bounds of the server of external metrics: its clients are the API servers of Kubernetes, and what they read is
// short.
const (
	externalConnections  = 64
	externalWriteTimeout = 15 * time.Second
	externalStop         = 2 * time.Second
)

// startExternal starts to serve the depth of the queues to the HPAs of Kubernetes, if the configuration says where.
func (p *Process) startExternal(ctx context.Context) error {
	settings := p.config.External
	if settings.Address == "" {
		return nil
	}
	pair, err := settings.Certificate(p.log)
	if err != nil {
		return err
	}
	metrics, err := externalmetrics.New(settings, p.jobs.Queue(), p.log)
	if err != nil {
		return err
	}
	at := listening{
		addr:           settings.Address,
		hosts:          p.config.Hosts,
		maxConnections: externalConnections,
		proxies:        p.config.Clients.TrustedProxies,
		writeTimeout:   externalWriteTimeout,
		pair:           pair,
		clients:        tls.RequestClientCert, // of what signs them, the handler decides
		refusals:       p.refusals,
		log:            p.log,
	}
	tcp, err := at.bind(ctx)
	if err != nil {
		return err
	}
	go pair.Follow(ctx)
	metrics.Start(ctx)
	p.external = serve(ctx, tcp, at, p.draining.closing(metrics))
	p.external.gracePeriod = externalStop
	p.log.InfoContext(ctx, "serving external metrics", "external", p.external.url())
	return nil
}

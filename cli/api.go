package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/server"
	"github.com/millrace/millrace/server/certificate"
	"github.com/millrace/millrace/server/externalmetrics"
)

// apiCommand serves the HTTP API and runs the queue's maintenance.
type apiCommand struct {
	server.Database
	Wait server.Wait `default:"forever" help:"How long to wait at the start for a database that is unavailable: forever, or a duration after which the process gives up."`
	server.Storage
	server.Limits
	server.Pages
	server.Access
	server.Hosts
	server.Clients
	server.Webhooks
	server.Stopping
	TLS      certificate.Files        `embed:""`
	OIDC     oidc.Settings            `embed:""`
	External externalmetrics.Settings `embed:""`
	Addr     string                   `default:":8080" help:"Address of the API."`
	OpsAddr  string                   `default:":9090" help:"Address of /metrics, /livez and /readyz."`
	Lease    time.Duration            `default:"10s" help:"How long a worker may be silent before its tiles are given to other workers; the same as for the workers."`
	Drain    time.Duration            `default:"0s" help:"How long to accept new requests after SIGTERM, reporting not ready, until load balancers have stopped sending them."`
	SoftStop time.Duration            `default:"25s" help:"Grace period: how long requests may take to finish after that."`
}

// Run implements the command.
func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	spareThreads()
	return server.Run(ctx, server.Config{
		Role:     server.API,
		Database: c.Database,
		Wait:     c.Wait,
		Storage:  c.Storage,
		Limits:   c.Limits,
		Pages:    c.Pages,
		Access:   c.Access,
		Hosts:    c.Hosts,
		Clients:  c.Clients,
		Webhooks: c.Webhooks,
		TLS:      c.TLS,
		OIDC:     c.OIDC,
		External: c.External,
		Work:     server.Work{SoftStop: c.SoftStop, Lease: c.Lease},
		Addr:     c.Addr,
		OpsAddr:  c.OpsAddr,
		Drain:    c.Drain,

		Stopping: c.Stopping,
	}, log)
}

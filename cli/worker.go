package cli

import (
	"context"
	"log/slog"
	"time"

	"github.com/millrace/millrace/server"
)

// workerCommand works on queued tiles.
type workerCommand struct {
	server.Database
	Wait server.Wait `default:"forever" help:"How long to wait at the start for a database that is unavailable: forever, or a duration after which the process gives up."`
	server.Storage
	server.Work
	server.Hosts
	server.Stopping
	OpsAddr    string        `default:":9090" help:"Address of /metrics, /livez and /readyz."`
	LastScrape time.Duration `default:"0s" help:"How long to serve /metrics after the last tile, unless it is scraped before. As long as the interval of scrapes, or what is counted at the end is lost."`
}

// Run implements the command.
func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	return server.Run(ctx, server.Config{
		Role:     server.Worker,
		Database: c.Database,
		Wait:     c.Wait,
		Storage:  c.Storage,
		Hosts:    c.Hosts,
		Work:     c.Work,
		OpsAddr:  c.OpsAddr,

		LastScrape: c.LastScrape,
		Stopping:   c.Stopping,
	}, log)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/migrations"
)

// apiConnections is how many database connections an API uses: requests hold one only while a statement runs.
const apiConnections = 16

// apiCommand serves HTTP and runs the queue's maintenance.
type apiCommand struct {
	DatabaseConfig
	StoreConfig
	LimitsConfig
	PagesConfig
	Addr    string        `default:":8080" help:"Address of the API."`
	OpsAddr string        `default:":9090" help:"Address of /metrics, /livez and /readyz."`
	Lease   time.Duration `default:"10s" help:"How long a worker may be silent before its tiles are given to others; as for the workers."`

	Drain    time.Duration `default:"0s" help:"How long to take new requests after SIGTERM, not ready any more, until load balancers have heard of it."`
	SoftStop time.Duration `default:"25s" help:"How long requests may take to finish after that."`
}

// Run implements the command.
func (c *apiCommand) Run(ctx context.Context, log *slog.Logger) error {
	logStart(log, "api", "database", c.DatabaseConfig, "blocks", c.Blocks, "retention", c.Retention, "addr", c.Addr, "ops_addr", c.OpsAddr,
		"river_ui", c.RiverUI)
	work := WorkConfig{SoftStop: c.SoftStop, Lease: c.Lease}
	if err := work.validate(); err != nil {
		return err
	}
	if c.Drain < 0 {
		return fmt.Errorf("--drain must not be negative, it is %s", c.Drain)
	}
	return serve(ctx, c.DatabaseConfig, c.StoreConfig, apiConnections, nodeConfig{
		addr: c.Addr, opsAddr: c.OpsAddr, work: work, limits: c.limits(), riverUI: c.RiverUI, drain: c.Drain,
	}, log)
}

// workerCommand works on tiles.
type workerCommand struct {
	DatabaseConfig
	StoreConfig
	WorkConfig
	OpsAddr string `default:":9090" help:"Address of /metrics, /livez and /readyz."`
}

// Run implements the command.
func (c *workerCommand) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.WorkConfig.validate(); err != nil {
		return err
	}
	logStart(log, "worker", "database", c.DatabaseConfig, "blocks", c.Blocks, "retention", c.Retention, "tiles", c.tiles(),
		"small", c.small(), "soft_stop", c.SoftStop, "lease", c.Lease, "ops_addr", c.OpsAddr)
	return serve(ctx, c.DatabaseConfig, c.StoreConfig, c.connections(), nodeConfig{
		opsAddr: c.OpsAddr, work: c.WorkConfig, works: true,
	}, log)
}

// serve runs a node on a migrated database until ctx is done.
func serve(ctx context.Context, db DatabaseConfig, sc StoreConfig, conns int, nc nodeConfig, log *slog.Logger) error {
	if err := sc.validate(); err != nil {
		return err
	}
	pool, err := db.open(ctx, conns)
	if err != nil {
		return err
	}
	defer pool.Close()
	s, err := sc.open(pool)
	if err != nil {
		return err
	}
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	n, err := startNode(ctx, s, nc, log)
	if err != nil {
		return err
	}
	n.logReady(log)
	err = n.wait(ctx)
	if err == nil {
		n.draining.wait(nc.drain, log)
	}
	log.Info("stopping")
	return errors.Join(err, n.stop())
}

// migrateCommand migrates the database.
type migrateCommand struct {
	DatabaseConfig
	Wait time.Duration `default:"0s" help:"How long to wait for a database that does not answer yet."`
}

// Run implements the command.
func (c *migrateCommand) Run(ctx context.Context, log *slog.Logger) error {
	deadline := time.Now().Add(c.Wait)
	pool, err := c.open(ctx, 2)
	for err != nil && ctx.Err() == nil && time.Now().Before(deadline) {
		log.Info("waiting for the database", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
		pool, err = c.open(ctx, 2)
	}
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Up(ctx, pool); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	log.Info("the database is up to date")
	return nil
}

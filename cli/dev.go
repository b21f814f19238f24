package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/devdb"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/migrations"
)

// devCommand runs everything in one process.
type devCommand struct {
	LimitsConfig
	WorkConfig
	PagesConfig
	Addr      string        `default:"127.0.0.1:8080" help:"Address of the API; port 0 is a free one."`
	OpsAddr   string        `default:"127.0.0.1:9090" help:"Address of /metrics, /livez and /readyz; port 0 is a free one."`
	Data      string        `default:".millrace" help:"Directory of the database and of the blocks." type:"path"`
	Blocks    string        `help:"Block store: file (in the data directory), postgres, or file:///directory." default:"file"`
	Retention time.Duration `help:"How long products and matrices are kept after their last use." default:"24h"`
	JSON      bool          `help:"Print the addresses as one line of JSON once everything is ready."`
}

// Run implements the command.
func (c *devCommand) Run(ctx context.Context, out streams, log *slog.Logger) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	sc, err := c.storeConfig()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil { //nolint:gosec // Postgres may run as another user
		return fmt.Errorf("making the data directory: %w", err)
	}
	logStart(log, "dev", "data", c.Data, "blocks", sc.Blocks, "retention", sc.Retention, "tiles", c.tiles(), "small", c.small())
	db, err := devdb.Start(ctx, devdb.Config{Dir: filepath.Join(c.Data, "postgres"), Log: log})
	if err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	defer func() { err = errors.Join(err, db.Stop()) }()
	return c.serve(ctx, db, sc, out, log)
}

func (c *devCommand) serve(ctx context.Context, db *devdb.Server, sc StoreConfig, out streams, log *slog.Logger) error {
	dc := DatabaseConfig{DatabaseURL: db.URL()}
	pool, err := dc.open(ctx, c.connections()+apiConnections)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Up(ctx, pool); err != nil {
		return err
	}
	s, err := sc.open(pool)
	if err != nil {
		return err
	}
	n, err := startNode(ctx, s, nodeConfig{
		addr: c.Addr, opsAddr: c.OpsAddr, work: c.WorkConfig, limits: c.limits(), riverUI: c.RiverUI, works: true,
	}, log)
	if err != nil {
		return err
	}
	c.announce(out, n, db)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // without its database there is nothing to serve
		select {
		case <-db.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err = n.wait(ctx)
	log.Info("stopping")
	return errors.Join(err, db.Err(), n.stop())
}

// announce says where everything is.
func (c *devCommand) announce(out streams, n *node, db *devdb.Server) {
	if c.JSON {
		_ = json.NewEncoder(out.out).Encode(devInfo{
			API: n.api.url(), Ops: n.ops.url(), DatabaseURL: db.URL(), PID: os.Getpid(),
			Kernel: n.kernel.Name(), Builtin: blas.IsBuiltin(n.kernel),
		})
		return
	}
	fmt.Fprintf(out.out, "Millrace is ready.\n  API      %s\n  ops      %s/metrics\n  database %s\nStop with Ctrl-C; the data stay in %s.\n",
		n.api.url(), n.ops.url(), db.URL(), c.Data)
}

func (c *devCommand) storeConfig() (StoreConfig, error) {
	sc := StoreConfig{Blocks: c.Blocks, Retention: c.Retention}
	if c.Blocks == "file" {
		dir, err := filepath.Abs(filepath.Join(c.Data, "blocks"))
		if err != nil {
			return sc, err
		}
		sc.Blocks = "file://" + dir
	}
	return sc, sc.validate()
}

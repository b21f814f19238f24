package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/cli/demo"
	"github.com/millrace/millrace/identity/oidc"
	"github.com/millrace/millrace/internal/devdb"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/server"
	"github.com/millrace/millrace/server/certificate"
)

// devCommand runs everything in one process.
type devCommand struct {
	server.Limits
	server.Work
	server.Pages
	server.Access
	server.Hosts
	server.Clients
	server.Webhooks
	server.Buckets
	server.Keeping
	TLS       certificate.Files `embed:""`
	OIDC      oidc.Settings     `embed:""`
	Addr      string            `default:"127.0.0.1:8080" help:"Address of the API; port 0 is a free one."`
	OpsAddr   string            `default:"127.0.0.1:9090" help:"Address of /metrics, /livez and /readyz; port 0 is a free one."`
	Data      string            `default:".millrace" help:"Directory of the database and of the blocks." type:"path"`
	Blocks    string            `help:"Block store: file (in the data directory), postgres, or file:///directory." default:"file"`
	Retention time.Duration     `help:"How long multiplications and matrices are kept after their last use." default:"24h"`
	Unpinned  bool              `name:"unpinned-postgres" help:"Where Postgres must be downloaded, also take a release whose digest is not known to this version; the server of the download is trusted."`
	PrintURL  bool              `name:"print-database-url" help:"Print the connection string of the database, too; its password is in the file that it names."`
	JSON      bool              `help:"Print the addresses as one line of JSON once everything is ready."`
}

// Run implements the command.
func (c *devCommand) Run(ctx context.Context, out streams, log *slog.Logger, format LogConfig) (err error) {
	c.JSON = c.JSON || format.Format == "json" // what reads the log as JSON may read this as well
	config, err := c.config()
	if err != nil {
		return err
	}
	if err := c.checkPorts(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	log.Info("starting Postgres", "data", c.Data)
	db, err := devdb.Start(ctx, devdb.Config{
		Dir:      filepath.Join(c.Data, "postgres"),
		Unpinned: c.Unpinned,
		Log:      log,
	})
	if err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	defer func() { err = errors.Join(err, db.Stop()) }()
	config.Database.DatabaseURL = db.LocalURL()
	return c.serve(ctx, config, db, out, log)
}

// checkPorts returns an error that names the flag if a port is taken, before Postgres is started for nothing.
func (c *devCommand) checkPorts(ctx context.Context) error {
	for flag, addr := range map[string]string{"--addr": c.Addr, "--ops-addr": c.OpsAddr} {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("%w; choose another address with %s, port 0 is a free one", err, flag)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// config returns the configuration of the process, except for the address of its database.
func (c *devCommand) config() (server.Config, error) {
	config := server.Config{
		Role: server.Dev,
		Storage: server.Storage{
			Blocks:    c.Blocks,
			Retention: c.Retention,
			Buckets:   c.Buckets,
			Keeping:   c.Keeping,
		},
		Limits:   c.Limits,
		Pages:    c.Pages,
		Access:   c.Access,
		Hosts:    c.Hosts,
		Clients:  c.Clients,
		Webhooks: c.Webhooks,
		TLS:      c.TLS,
		OIDC:     c.OIDC,
		Work:     c.Work,
		Addr:     c.Addr,
		OpsAddr:  c.OpsAddr,
	}
	if c.Blocks == "file" {
		dir, err := filepath.Abs(filepath.Join(c.Data, "blocks"))
		if err != nil {
			return config, err
		}
		config.Storage.Blocks = "file://" + dir
	}
	return config, config.Validate()
}

// serve runs the process on the database until ctx is done or the database ends.
func (c *devCommand) serve(
	ctx context.Context, config server.Config, db *devdb.Server, out streams, log *slog.Logger,
) error {
	if err := server.Migrate(ctx, config.Database, 0, log); err != nil {
		return err
	}
	token, err := c.makeKey(ctx, config)
	if err != nil {
		return err
	}
	p, err := server.Start(ctx, config, log)
	if err != nil {
		return err
	}
	c.announce(out, p, db, token)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-db.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return errors.Join(p.Run(ctx), db.Err())
}

// devKeyLife is how long a key of dev is valid; each start makes one.
const devKeyLife = 30 * 24 * time.Hour

// makeKey returns the token of a new key for everything, or "" where it was not asked for.
func (c *devCommand) makeKey(ctx context.Context, config server.Config) (string, error) {
	if !c.Auth {
		return "", nil
	}
	_, token, err := server.CreateKey(ctx, config.Database, server.KeyOrder{
		Tenant:  "default",
		Name:    "dev",
		Scopes:  []server.Scope{"admin"},
		Expires: time.Now().Add(devKeyLife),
	}, false)
	return token, err
}

// announce prints the addresses of the parts, and the token of the key that was made.
func (c *devCommand) announce(out streams, p *server.Process, db *devdb.Server, token string) {
	if c.JSON {
		_ = json.NewEncoder(out.out).Encode(demo.DevInfo{
			API:         p.APIURL(),
			Ops:         p.OpsURL(),
			DatabaseURL: db.PublicURL(),
			Token:       token,
			PID:         os.Getpid(),
			Kernel:      p.Kernel().String(),
			Portable:    blas.IsPortable(p.Kernel().Kernel),
		})
		return
	}
	addresses := [][2]string{{"start", p.APIURL() + "/"}, {"docs", p.APIURL() + "/docs/"}}
	if c.RiverUI == nil || *c.RiverUI {
		addresses = append(addresses, [2]string{"jobs", p.APIURL() + "/riverui/"})
	}
	addresses = append(addresses, [2]string{"API", p.APIURL() + "/v1"}, [2]string{"metrics", p.OpsURL() + "/metrics"},
		[2]string{"kernel", p.Kernel().String()})
	if c.PrintURL {
		addresses = append(addresses, [2]string{"database", db.PublicURL()})
	}
	if token != "" {
		addresses = append(addresses, [2]string{"key", token})
	}
	fmt.Fprintln(out.out, "Millrace is ready. Open its pages in a browser:")
	for _, address := range addresses {
		fmt.Fprintf(out.out, "  %-8s %s\n", address[0], address[1])
	}
	fmt.Fprintf(out.out, "Press Ctrl-C to stop. The data stays in %s.\n", c.Data)
}

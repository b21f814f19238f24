package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// node is one running process of a deployment: some of an API, the queue's maintenance and workers.
type node struct {
	jobs     *jobs.Client
	ui       *jobs.UI   // nil: there is none
	hub      *watch.Hub // of those who follow products; nil in a worker
	api, ops *server
	draining draining
	kernel   blas.Kernel // nil when it does not work on tiles
}

// nodeConfig says what a node does. A node with an address leads and serves; one without is a worker.
type nodeConfig struct {
	addr, opsAddr string
	work          WorkConfig
	limits        handlers.Limits
	riverUI       bool
	works         bool
	drain         time.Duration // how long it still takes new requests after the order to stop
}

// role names what the node does as its command does.
func (c nodeConfig) role() string {
	switch {
	case c.addr == "":
		return "worker"
	case c.works:
		return "dev"
	}
	return "api"
}

// startNode starts the parts in the order in which they need each other.
func startNode(ctx context.Context, s *store.Store, c nodeConfig, log *slog.Logger) (_ *node, err error) {
	n := &node{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop())
		}
	}()
	registry := newRegistry()
	s.Observe(registry)
	var engine *tile.Engine
	if c.works {
		if n.kernel, err = openKernel(c.work.BLAS, log); err != nil {
			return nil, err
		}
		engine = tile.NewEngine(n.kernel)
	}
	registry.MustRegister(newBuildInfo(c.role(), n.kernel))
	config := c.work.jobs(c.works, c.addr != "")
	config.Metrics = registry
	if n.jobs, err = jobs.NewClient(s, engine, config, log); err != nil {
		return nil, err
	}
	if err = n.jobs.Start(ctx); err != nil {
		return nil, err
	}
	if n.ops, err = listen(ctx, c.opsAddr, opsHandler(s.Pool, registry, &n.draining), log); err != nil {
		return nil, err
	}
	if c.addr != "" {
		err = n.serveAPI(ctx, s, c, registry, log)
	}
	return n, err
}

// serveAPI starts the API and what is served beside it.
func (n *node) serveAPI(
	ctx context.Context, s *store.Store, c nodeConfig, registry *prometheus.Registry, log *slog.Logger,
) (err error) {
	site := handlers.Site{Version: version(), OpsPort: n.ops.port()}
	if c.riverUI {
		if n.ui, err = n.jobs.NewUI(handlers.RiverUIPrefix); err != nil {
			return err
		}
		site.RiverUI = n.ui
	}
	n.hub = watch.NewHub(s, log)
	n.hub.Start(ctx)
	api := handlers.Observed(handlers.New(s, n.jobs, n.hub, c.limits, site, log), registry)
	if n.api, err = listen(ctx, c.addr, n.draining.closing(api), log); err != nil {
		return err
	}
	n.api.patience = c.work.SoftStop
	return nil
}

// stop ends the parts in the reverse order: no new work comes in, then the present work ends.
func (n *node) stop() error {
	var errs []error
	if n.hub != nil { // who waits or follows would hold up the API
		n.hub.Stop()
	}
	if n.api != nil {
		errs = append(errs, n.api.stop())
	}
	if n.ui != nil {
		n.ui.Stop()
	}
	if n.jobs != nil {
		n.jobs.Stop()
	}
	if n.ops != nil {
		errs = append(errs, n.ops.stop())
	}
	return errors.Join(errs...)
}

// logReady says that all parts run, and where.
func (n *node) logReady(log *slog.Logger) {
	if n.api != nil {
		log.Info("serving", "api", n.api.url(), "ops", n.ops.url())
		return
	}
	log.Info("ready", "ops", n.ops.url())
}

// errEnded says that a part of a node has ended although nobody told it to; stop tells why.
var errEnded = errors.New("a listener ended by itself")

// wait returns nil when ctx is done, or errEnded.
func (n *node) wait(ctx context.Context) error {
	var api chan struct{} // of a worker, never
	if n.api != nil {
		api = n.api.done
	}
	select {
	case <-ctx.Done():
		return nil
	case <-api:
	case <-n.ops.done:
	}
	return errEnded
}

// openKernel loads the BLAS library that was asked for and says which one it is.
func openKernel(path string, log *slog.Logger) (blas.Kernel, error) {
	kernel, err := blas.Open(path)
	if err != nil {
		return nil, err
	}
	log.Info("arithmetic", "kernel", kernel.Name())
	if blas.IsBuiltin(kernel) && path == "" {
		log.Warn(builtinHint)
	}
	return kernel, nil
}

const builtinHint = "no BLAS library was found; one would be about five times faster than the built-in kernel: install " +
	"libopenblas0-pthread (Debian, Ubuntu) or openblas (Fedora, Homebrew), or name one with --blas"

package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/audit"
	"github.com/millrace/millrace/handlers/guard"
	"github.com/millrace/millrace/handlers/observe"
	"github.com/millrace/millrace/internal/logs"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue/ui"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/server/certificate"
	"github.com/millrace/millrace/server/telemetry"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/installation"
	"github.com/millrace/millrace/watch"
)

// Process is a running process of a deployment: its parts, which depend on its role.
type Process struct {
	config   Config
	log      *slog.Logger
	registry *prometheus.Registry
	pool     *pgxpool.Pool
	store    *store.Store
	kernel   *blas.Choice // nil in an API
	jobs     *jobs.Client
	ui       *ui.UI     // nil without River UI
	hub      *watch.Hub // nil in a worker
	keyring  *keyring   // nil where requests need no key
	refusals *guard.Refusals
	draining *draining
	ready    *readiness
	traces   *telemetry.Traces // nil where none are sent
	pair     *certificate.Pair // nil without TLS
	api      *listener         // nil in a worker
	external *listener         // nil without external metrics
	ops      *listener
}

// Start starts a process on a migrated database. After an error no part is left running.
func Start(ctx context.Context, c Config, log *slog.Logger) (*Process, error) {
	log = logs.WithContext(log)
	log.LogAttrs(ctx, slog.LevelInfo, "starting",
		slog.String("role", string(c.Role)),
		slog.String("version", Version()),
		slog.Int("cpus", min(runtime.GOMAXPROCS(0), runtime.NumCPU())),
		slog.Any("", c), // without a name: the attributes of the group become attributes of the message
	)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	collectLess()
	c.warnOfStop(ctx, log)
	p := &Process{
		config:   c,
		log:      log,
		registry: newRegistry(),
		draining: newDraining(),
	}
	p.refusals = guard.NewRefusals(p.registry, log)
	about := telemetry.Process{Role: string(c.Role), Version: Version()}
	var err error
	if p.traces, err = telemetry.Open(ctx, about, log); err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// start starts the parts in the order in which they need each other. The endpoints for operators come before whatever
// may have to wait.
func (p *Process) start(ctx context.Context) (err error) {
	if p.config.Role.serves() {
		if err := p.startTLS(ctx); err != nil {
			return err
		}
	}
	if p.pool, err = p.config.Database.open(ctx, p.config.connections()); err != nil {
		return err
	}
	if p.store, err = p.config.Storage.openStore(p.pool); err != nil {
		return err
	}
	p.ready = newReadiness(p.pool, p.draining)
	if err := p.startOps(ctx); err != nil {
		return err
	}
	if err := waitForDatabase(ctx, p.pool, p.config.Wait, p.log); err != nil {
		return err
	}
	identify := func(ctx context.Context) error { return installation.Identify(ctx, p.store) }
	if err := whileUnavailable(ctx, p.config.Wait, p.log, identify); err != nil {
		return err
	}
	p.store.Observe(p.registry)
	if err := p.startJobs(ctx); err != nil {
		return err
	}
	registerInfo(p.registry, p.config.Role, p.kernel)
	if p.config.Role.serves() {
		if err := p.startAPI(ctx); err != nil {
			return err
		}
		if err := p.startExternal(ctx); err != nil {
			return err
		}
	}
	p.ready.start(p.jobs.Queue(), p.config.Role)
	return nil
}

// startTLS reads the certificate of the API, if it has one, and follows its files.
func (p *Process) startTLS(ctx context.Context) (err error) {
	if p.config.TLS.Given() {
		if p.pair, err = certificate.Open(p.config.TLS, p.log); err != nil {
			return err
		}
		go p.pair.Follow(ctx)
	}
	p.pair.Observe(p.registry)
	return nil
}

// startJobs starts the process's part in the queue, with a kernel if the process works on tiles.
func (p *Process) startJobs(ctx context.Context) (err error) {
	var engine *tile.Engine
	if p.config.Role.works() {
		if p.kernel, err = chooseKernel(p.config.Work.BLAS, p.log); err != nil {
			return err
		}
		engine = tile.NewEngine(p.kernel.Kernel)
		if !p.config.Role.serves() {
			p.config.Work.limitMemory()
		}
		engine.KeepPanels(p.config.Work.panelBytes())
		p.config.Work.logSlots(p.log)
	}
	config := p.config.jobs()
	config.Metrics = p.registry
	config.Tracer = p.traces.Tracer()
	config.Kernel = told(p.kernel)
	if p.jobs, err = jobs.NewClient(p.store, engine, config, p.log); err != nil {
		return err
	}
	p.jobs.SetLimits(p.config.Limits.jobs())
	return whileDiffering(ctx, p.config.Work.Lease, p.log, func() error {
		return whileUnavailable(ctx, p.config.Wait, p.log, p.jobs.Start)
	})
}

// startAPI starts the API and the pages beside it. The address is taken first: whether requests need a key depends on
// what it is.
func (p *Process) startAPI(ctx context.Context) (err error) {
	tcp, err := p.apiListening().bind(ctx)
	if err != nil {
		return err
	}
	api, err := p.newAPI(ctx, tcp.Addr())
	if err != nil {
		return errors.Join(err, tcp.Close())
	}
	handler := p.draining.closing(p.traces.Requests(observe.Requests(api, p.registry)))
	p.api = serve(ctx, tcp, p.apiListening(), handler)
	p.api.gracePeriod = p.config.Work.SoftStop
	return nil
}

// newAPI returns the handler of the API and the pages at an address.
func (p *Process) newAPI(ctx context.Context, addr net.Addr) (api http.Handler, err error) {
	site := handlers.Site{
		Version: Version(),
		OpsPort: p.ops.port(),
		Kernel:  ofSite(p.kernel),
		Clients: p.config.Clients.handlers(p.refusals),
		Audit:   audit.New(p.log),
	}
	if p.config.riverUI() {
		if p.ui, err = p.jobs.Queue().NewUI(handlers.RiverUIPrefix); err != nil {
			return nil, err
		}
		site.RiverUI = p.ui
	}
	p.hub = watch.NewHub(p.store, p.log)
	if site.Auth, err = p.startAuth(ctx, addr); err != nil {
		return nil, err
	}
	p.hub.Start(ctx)
	return handlers.New(p.store, p.jobs, p.hub, p.config.Limits.handlers(), site, p.log), nil
}

// Run blocks until ctx is done or a listener ends by itself, which is an error. It drains the process in the first
// case, and stops it in both.
func (p *Process) Run(ctx context.Context) error {
	err := p.wait(ctx)
	if err == nil {
		p.draining.run(p.config.Drain, p.log)
	}
	p.log.Info("stopping")
	return errors.Join(err, p.stop())
}

// errListener says that a listener has ended without an order to stop; the error of stop says why.
var errListener = errors.New("a listener ended unexpectedly")

// errStuck says that the process must be restarted.
var errStuck = errors.New("a tile hangs and cannot be interrupted")

// wait returns nil when ctx is done, errListener, or errStuck.
func (p *Process) wait(ctx context.Context) error {
	var stuck <-chan struct{} // stays nil without a queue
	if p.jobs != nil {
		stuck = p.jobs.Queue().Stuck()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-p.api.ended():
	case <-p.external.ended():
	case <-p.ops.done:
	case <-stuck:
		return errStuck
	}
	return errListener
}

// stop stops the parts that have started, in the reverse order: first no new work comes in, then the present work ends.
// The requests and the jobs of a process end side by side, so that both have the whole grace period.
func (p *Process) stop() error {
	var errs []error
	if p.jobs != nil {
		go p.jobs.Queue().Stop() // for which p.jobs.Stop waits, after the requests: their notifications are still sent
	}
	external := p.external.stopAside()
	if p.hub != nil { // before the API, which would wait for its waiters and subscribers
		p.hub.Stop()
	}
	if p.api != nil {
		errs = append(errs, p.api.stop())
	}
	errs = append(errs, <-external) //house:ignore bound it has a grace period
	if p.keyring != nil {
		p.keyring.stop()
	}
	if p.ui != nil {
		p.ui.Stop()
	}
	if p.jobs != nil {
		p.jobs.Stop()
	}
	if p.ops != nil {
		if p.draining.begun.Load() {
			p.draining.awaitScrape(p.config.LastScrape, p.log)
		}
		errs = append(errs, p.ops.stop())
	}
	p.traces.Stop(p.log)
	if p.ready != nil {
		p.ready.stop()
	}
	if p.pool != nil {
		p.closePool()
	}
	return errors.Join(errs...)
}

// APIURL returns the address of the API; the process must not be a worker.
func (p *Process) APIURL() string { return p.api.url() }

// ExternalURL returns the address of the external metrics; the process must serve them.
func (p *Process) ExternalURL() string { return p.external.url() }

// OpsURL returns the address below which /metrics, /livez and /readyz are.
func (p *Process) OpsURL() string { return p.ops.url() }

// Kernel returns the kernel that computes tiles, and its rate; nil in an API.
func (p *Process) Kernel() *blas.Choice { return p.kernel }

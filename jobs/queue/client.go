// Package queue is the fence around River: its client and configuration, each statement on its tables, wake-ups,
// leases, the rescue of lost jobs, the retry policy, the depth of the queues, and River UI. What depends on River's
// internals is in internals.go.
package queue

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/queue/agreed"
	"github.com/millrace/millrace/jobs/queue/backoff"
	"github.com/millrace/millrace/jobs/queue/deliver"
	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/jobs/queue/kernels"
	"github.com/millrace/millrace/jobs/queue/line"
	"github.com/millrace/millrace/jobs/queue/riverlog"
	"github.com/millrace/millrace/jobs/queue/session"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/watch/notify"
)

// The queues.
const (
	// Small is for multiplications that cost less than 10 ms as a whole, so that they do not wait behind large ones.
	Small = "small"
	// Tiles is for the tiles of larger multiplications.
	Tiles = "tiles"
	// Maintenance is worked by the processes that lead, not by workers.
	Maintenance = "maintenance"
)

// Names are the queues whose jobs are tiles.
func Names() []string { return []string{Small, Tiles} }

// Timing of the queues. A notification wakes a queue at once; polling makes good for one that is lost.
const (
	smallCooldown = time.Millisecond // the shortest that River allows
	smallPoll     = 250 * time.Millisecond
	crowdPause    = 20 * time.Millisecond
	tilesCooldown = 10 * time.Millisecond
	tilesPoll     = 500 * time.Millisecond
	// maintenancePoll is the delay with which a sweep begins that River's leader has enqueued.
	maintenancePoll = time.Second
	// MaxAttempts is how often a job is tried.
	MaxAttempts = 10
	// MaxTileTimeout ends a tile that hangs. An honest one takes some seconds, and a minute where CPU is short.
	MaxTileTimeout = 15 * time.Minute
	// releaseTimeout bounds how long a process that stops tries to release its lease.
	releaseTimeout = 10 * time.Second
	// defaultHardStop is how long jobs that were interrupted may take to end: one that is computed is stored.
	defaultHardStop = 31 * time.Second
)

// Config says what a process does with the queue.
type Config struct {
	Work     bool                  // compute tiles
	Lead     bool                  // run River's leader and the maintenance jobs
	Tiles    int                   // concurrency of queue Tiles
	Small    int                   // concurrency of queue Small
	SoftStop time.Duration         // grace period of running jobs after the order to stop
	HardStop time.Duration         // how long they may take to end when that is over; 0: defaultHardStop
	Lease    time.Duration         // how long a worker may be silent before its jobs are rescued; 0: DefaultLease
	Grace    time.Duration         // how long one may be without a session; 0: session.Grace
	Timeout  time.Duration         // how long a tile may take; 0: MaxTileTimeout
	Metrics  prometheus.Registerer // where the metrics are registered; nil: nowhere
	Tracer   *tracing.Tracer       // begins the traces of jobs; nil: there are none
	Settings []agreed.Setting      // what all processes must agree on
	Kernel   *kernels.Own          // what the process computes with; nil: it does not work
	Webhooks deliver.Config        // of a process that leads
}

// Parts are what River calls: the workers of the kinds of jobs, and what observes them.
type Parts struct {
	Workers    *river.Workers
	Errors     river.ErrorHandler
	Middleware []rivertype.Middleware
	Periodic   []*river.PeriodicJob         // enqueued by the leader
	Queues     map[string]river.QueueConfig // besides those of tiles and of the maintenance
}

// Client is a process's part in the queue.
type Client struct {
	store     *store.Store
	db        *db.Queries
	river     *river.Client[pgx.Tx]
	sender    *notify.Sender
	config    Config
	log       *slog.Logger
	id        string
	lease     lease
	watcher   *session.Watcher
	attempts  *session.Attempts
	hands     *hands
	reclaimed prometheus.Counter     // jobs
	lapses    prometheus.Counter     // of the lease
	depths    atomic.Pointer[Depths] // what was read last, by a process that leads
	line      *line.Keeper
	rescue    rescueState
	stuck     chan struct{} // closed when a computation hangs
	hangs     sync.Once
	stop      sync.Once
	leased    bool               // whether a lease was taken
	halt      context.CancelFunc // ends the loops
	loops     sync.WaitGroup
}

// New returns a client that enqueues and, once it is started, does what config says.
func New(s *store.Store, sender *notify.Sender, config Config, parts Parts, log *slog.Logger) (*Client, error) {
	if config.Lease <= 0 {
		config.Lease = DefaultLease
	}
	if config.Timeout <= 0 {
		config.Timeout = MaxTileTimeout
	}
	if config.HardStop <= 0 {
		config.HardStop = defaultHardStop
	}
	c := &Client{
		store:  s,
		db:     db.New(s.Pool),
		sender: sender,
		config: config,
		log:    log,
		id:     clientID(config.Work),
		hands:  newHands(),
		stuck:  make(chan struct{}),
	}
	c.lease.session = session.New(s.Pool, config.Lease)
	c.watcher = session.NewWatcher(c.db, c.id, maintenanceOnly, config.Lease, config.Grace)
	c.attempts = session.NewAttempts(c.db, cancelMark)
	c.line = line.New(c.db)
	factory := promauto.With(config.Metrics)
	c.reclaimed = factory.NewCounter(prometheus.CounterOpts{
		Name: "millrace_jobs_reclaimed_total",
		Help: "Jobs that ran in the name of this process, which did not have them, and went back to the queue.",
	})
	c.lapses = factory.NewCounter(prometheus.CounterOpts{
		Name: "millrace_lease_lapses_total",
		Help: "How often the lease of this process ran out before it was renewed.",
	})
	rc, err := river.NewClient(newDriver(c), c.riverConfig(parts))
	if err != nil {
		return nil, fmt.Errorf("configuring the queue: %w", err)
	}
	c.river = rc
	if config.Lead && config.Metrics != nil {
		config.Metrics.MustRegister(newCollector(c))
	}
	return c, nil
}

func (c *Client) riverConfig(parts Parts) *river.Config {
	config := &river.Config{
		ID:                c.id,
		Logger:            riverlog.New(c.log),
		Workers:           parts.Workers,
		RetryPolicy:       backoff.Policy{MaxAttempts: MaxAttempts},
		ErrorHandler:      parts.Errors,
		Middleware:        withSigner(append([]rivertype.Middleware{c.attempts, &solitude{client: c}}, parts.Middleware...)),
		MaxAttempts:       MaxAttempts,
		FetchCooldown:     silentCooldown,
		FetchPollInterval: silentCooldown,
		SoftStopTimeout:   c.config.SoftStop,
		// For what no lease tells: a computation that hangs in a process that lives, whose timeout may be another one.
		RescueStuckJobsAfter: MaxTileTimeout + time.Minute,
		JobStuckHandler:      c.jobStuck,
		JobStuckThreshold:    min(river.JobStuckThresholdDefault, c.config.Timeout),
		// The error history of a multiplication is read from its jobs: they must outlive it. Completed jobs are the
		// many; what those of a multiplication that took very long tell may be gone earlier.
		CompletedJobRetentionPeriod: c.store.Retention + c.store.Retention/4,
		CancelledJobRetentionPeriod: 2 * c.store.Retention,
		DiscardedJobRetentionPeriod: 2 * c.store.Retention,
		Queues:                      map[string]river.QueueConfig{},
		LeaderElectionDisabled:      !c.config.Lead,
		PollOnly:                    database.Pooled(c.store.Pool),
	}
	maps.Copy(config.Queues, parts.Queues) // which may be nil
	if c.config.Work {
		config.Queues[Small] = river.QueueConfig{
			MaxWorkers:        c.config.Small,
			FetchCooldown:     smallCooldown,
			FetchPollInterval: smallPoll,
		}
		config.Queues[Tiles] = river.QueueConfig{
			MaxWorkers:        c.config.Tiles,
			FetchCooldown:     tilesCooldown,
			FetchPollInterval: tilesPoll,
		}
	}
	if c.config.Lead {
		config.Queues[Maintenance] = river.QueueConfig{
			MaxWorkers:        1,
			FetchCooldown:     tilesCooldown,
			FetchPollInterval: maintenancePoll,
		}
		config.PeriodicJobs = parts.Periodic
	}
	return config
}

// maintenanceOnly is the prefix of the ids of processes that compute no tiles.
const maintenanceOnly = "api@"

// clientID names this process in leases, in the attempts of jobs and in the logs.
func clientID(works bool) string {
	role := maintenanceOnly
	if works {
		role = "worker@"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s%.60s-%d-%s", role, host, os.Getpid(), rand.Text()[:8])
}

// Start begins to work jobs. The context bounds the start only; Stop ends the work. After an error, among them
// agreed.ErrDiffers, it may be called again.
func (c *Client) Start(ctx context.Context) error {
	if err := c.renewLease(ctx); err != nil { // before the first job is fetched
		return fmt.Errorf("taking a lease: %w", err)
	}
	c.leased = true
	if err := c.join(ctx); err != nil {
		return err
	}
	loops, halt := context.WithCancel(context.WithoutCancel(ctx))
	c.halt = halt
	c.loops.Go(func() { c.keepLease(loops) })
	c.loops.Go(func() { loop.Every(loops, c.config.Lease/renewals, c.reclaim) })
	interval := promoteIntervalWorker
	if c.config.Lead {
		interval = promoteInterval
	}
	c.loops.Go(func() { loop.Every(loops, interval, c.promote) })
	if c.config.Lead {
		c.refreshDepths(ctx) // the first scrape finds each series
		c.loops.Go(func() { loop.Every(loops, refreshInterval, c.refreshDepths) })
		c.loops.Go(func() { loop.Every(loops, line.Interval, c.keepLine) })
	}
	//house:ignore bound Stop ends it
	if err := c.river.Start(context.WithoutCancel(ctx)); err != nil {
		halt()
		c.loops.Wait()
		return fmt.Errorf("starting the queue: %w", err)
	}
	return nil
}

// Stop stops fetching, lets running jobs finish for as long as Config.SoftStop, hands the rest back to the queue and
// returns when that is done, or after Config.HardStop: a computation that hangs does not end, and its job is rescued
// when the lease is released. What is known to hang is not waited for. It may be called twice, or without Start.
func (c *Client) Stop() {
	c.stop.Do(func() {
		if !c.leased {
			return
		}
		if c.halt != nil {
			c.stopRiver()
			c.halt()
			c.loops.Wait() //house:ignore bound halt ends the contexts of their statements
		}
		ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
		defer cancel()
		c.releaseLease(ctx)
	})
}

func (c *Client) stopRiver() {
	ctx, cancel := context.WithTimeout(context.Background(), c.config.SoftStop+c.config.HardStop)
	defer cancel()
	c.hands.close()
	go func() {
		if c.hands.onlyHangs(ctx) {
			cancel()
		}
	}()
	if err := c.river.Stop(ctx); err != nil {
		c.log.Error("stopping the queue; jobs that still run are left to other workers", "error", err)
	}
}

// Wake tells workers that there are jobs in a queue. It must be called after the transaction that put them there.
func (c *Client) Wake(queue string) { c.sender.Send(insertChannel, wakePayload(queue)) }

// Package jobs holds everything that knows River: the kinds of jobs and their workers, submitting and cancelling,
// retries, leases and maintenance.
package jobs

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch"
)

// queueMaintenance is worked by the processes that lead, not by workers.
const queueMaintenance = "maintenance"

// Timing of the queues. A notification wakes a queue at once; one that is lost is made good by polling.
const (
	smallCooldown = 2 * time.Millisecond
	smallPoll     = 250 * time.Millisecond
	tilesCooldown = 10 * time.Millisecond
	tilesPoll     = 500 * time.Millisecond
	// maintenancePoll is when a sweep begins that River's leader has enqueued.
	maintenancePoll = time.Second
	// riverNotifies keeps River from sending notifications itself: it would do so in the transactions of submissions, which
	// would then commit one after the other, and it drops one that follows another too soon.
	riverNotifies = 24 * time.Hour
)

// wakeChannel is where River listens for new jobs.
var wakeChannel = watch.Channel{Name: "river_insert", Pause: smallCooldown, Apart: true}

// wake tells the workers that there are jobs in a queue. To be called after the transaction that put them there.
func (c *Client) wake(queue string) {
	c.changes.Announce(wakeChannel, fmt.Sprintf(`{"queue":%q}`, queue))
}

// Config says what a process does with the queue.
type Config struct {
	Work     bool                  // compute tiles
	Lead     bool                  // run River's leader and the maintenance jobs
	Tiles    int                   // tiles computed at a time
	Small    int                   // small products computed at a time
	SoftStop time.Duration         // how long running tiles may take to finish after the order to stop
	Lease    time.Duration         // how long a worker may be silent before its jobs are given to others; 0: DefaultLease
	Metrics  prometheus.Registerer // where the metrics are registered; nil: nowhere
}

// Client is a process's part in the queue.
type Client struct {
	store   *store.Store
	river   *river.Client[pgx.Tx]
	changes *watch.Announcer
	config  Config
	log     *slog.Logger
	id      string
	metrics *metrics
	seen    atomic.Pointer[Queues] // what was seen last of the queues, by a process that leads
	stop    sync.Once
	halt    context.CancelFunc // ends the lease and the rescue loop
	loops   sync.WaitGroup
}

// NewClient returns a client that submits and, once it is started, does what config says.
func NewClient(s *store.Store, engine *tile.Engine, config Config, log *slog.Logger) (*Client, error) {
	if config.Lease <= 0 {
		config.Lease = DefaultLease
	}
	c := &Client{
		store: s, changes: watch.NewAnnouncer(s, log), config: config, log: log, id: clientID(config.Work), metrics: newMetrics(config),
	}
	// Every client knows every kind: a leader's rescuer discards the stuck jobs of kinds that it does not know.
	workers := river.NewWorkers()
	river.AddWorker(workers, &tileWorker{store: s, client: c, engine: engine, changes: c.changes, metrics: c.metrics})
	river.AddWorker(workers, &sweepWorker{store: s, client: c, log: log})
	rc, err := river.NewClient(riverpgxv5.New(s.Pool), c.riverConfig(workers))
	if err != nil {
		return nil, fmt.Errorf("configuring the queue: %w", err)
	}
	c.river = rc
	if config.Lead && config.Metrics != nil {
		config.Metrics.MustRegister(newQueueCollector(c))
	}
	return c, nil
}

func (c *Client) riverConfig(workers *river.Workers) *river.Config {
	config := &river.Config{
		ID:            c.id,
		Logger:        riverLog(c.log),
		Workers:       workers,
		RetryPolicy:   retryPolicy{},
		ErrorHandler:  &errorHandler{client: c, log: c.log},
		Middleware:    []rivertype.Middleware{c.metrics},
		MaxAttempts:   maxAttempts,
		FetchCooldown: riverNotifies, FetchPollInterval: riverNotifies,
		SoftStopTimeout: c.config.SoftStop,
		// The error history of a product is read from its jobs: they must outlive it.
		CompletedJobRetentionPeriod: 2 * c.store.Retention,
		CancelledJobRetentionPeriod: 2 * c.store.Retention,
		DiscardedJobRetentionPeriod: 2 * c.store.Retention,
		Queues:                      map[string]river.QueueConfig{},
		LeaderElectionDisabled:      !c.config.Lead,
	}
	if c.config.Work {
		config.Queues[QueueSmall] = river.QueueConfig{
			MaxWorkers: c.config.Small, FetchCooldown: smallCooldown, FetchPollInterval: smallPoll,
		}
		config.Queues[QueueTiles] = river.QueueConfig{
			MaxWorkers: c.config.Tiles, FetchCooldown: tilesCooldown, FetchPollInterval: tilesPoll,
		}
	}
	if c.config.Lead {
		config.Queues[queueMaintenance] = river.QueueConfig{
			MaxWorkers: 1, FetchCooldown: tilesCooldown, FetchPollInterval: maintenancePoll,
		}
		config.PeriodicJobs = periodicJobs()
	}
	return config
}

// maintenanceOnly begins the names of processes that compute no tiles.
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

// Start begins to work jobs. The context bounds the start only; Stop ends the work.
func (c *Client) Start(ctx context.Context) error {
	if err := c.store.RenewLease(ctx, c.id); err != nil { // before the first job is fetched
		return fmt.Errorf("taking a lease: %w", err)
	}
	loops, halt := context.WithCancel(context.WithoutCancel(ctx))
	c.halt = halt
	c.loops.Go(func() { c.renewLease(loops) })
	if c.config.Lead {
		c.loops.Go(func() { c.rescueLoop(loops) })
		c.refreshQueues(ctx) // the first scrape finds all series
		c.loops.Go(func() { every(loops, refreshInterval, c.refreshQueues) })
	}
	if err := c.river.Start(context.WithoutCancel(ctx)); err != nil {
		halt()
		c.loops.Wait()
		return fmt.Errorf("starting the queue: %w", err)
	}
	return nil
}

// Stop stops fetching, lets running jobs finish for as long as Config.SoftStop, hands the rest back to the queue and
// returns when all of it is done. It may be called twice, or without Start.
func (c *Client) Stop() {
	c.stop.Do(func() {
		defer c.changes.Stop()
		if c.halt == nil {
			return
		}
		if err := c.river.Stop(context.Background()); err != nil {
			c.log.Error("stopping the queue", "error", err)
		}
		c.halt()
		c.loops.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), finishTimeout)
		defer cancel()
		if err := c.store.ReleaseLease(ctx, c.id); err != nil {
			c.log.Warn("releasing the lease", "error", err)
		}
	})
}

// Package queue is the fence around River: its client and configuration, each statement on its tables, wake-ups,
// leases, the rescue of lost jobs, the retry policy, the depth of the queues, and River UI. What depends on River's
// internals is in internals.go.
package queue

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

	"github.com/millrace/millrace/jobs/queue/internal/db"
	"github.com/millrace/millrace/store"
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
	smallCooldown = 2 * time.Millisecond
	smallPoll     = 250 * time.Millisecond
	tilesCooldown = 10 * time.Millisecond
	tilesPoll     = 500 * time.Millisecond
	// maintenancePoll is the delay with which a sweep begins that River's leader has enqueued.
	maintenancePoll = time.Second
	// releaseTimeout bounds how long a process that stops tries to release its lease.
	releaseTimeout = 30 * time.Second
)

// Config says what a process does with the queue.
type Config struct {
	Work     bool                  // compute tiles
	Lead     bool                  // run River's leader and the maintenance jobs
	Tiles    int                   // concurrency of queue Tiles
	Small    int                   // concurrency of queue Small
	SoftStop time.Duration         // grace period of running jobs after the order to stop
	Lease    time.Duration         // how long a worker may be silent before its jobs are rescued; 0: DefaultLease
	Metrics  prometheus.Registerer // where the metrics are registered; nil: nowhere
	Settings map[string]string     // what all processes must agree on, by the name of the flag
}

// Parts are what River calls: the workers of the kinds of jobs, and what observes them.
type Parts struct {
	Workers    *river.Workers
	Errors     river.ErrorHandler
	Middleware []rivertype.Middleware
	Periodic   []*river.PeriodicJob // enqueued by the leader
}

// Client is a process's part in the queue.
type Client struct {
	store  *store.Store
	db     *db.Queries
	river  *river.Client[pgx.Tx]
	sender *notify.Sender
	config Config
	log    *slog.Logger
	id     string
	depths atomic.Pointer[Depths] // what was read last, by a process that leads
	rescue rescueState
	stop   sync.Once
	halt   context.CancelFunc // ends the loops
	loops  sync.WaitGroup
}

// New returns a client that enqueues and, once it is started, does what config says.
func New(s *store.Store, sender *notify.Sender, config Config, parts Parts, log *slog.Logger) (*Client, error) {
	if config.Lease <= 0 {
		config.Lease = DefaultLease
	}
	c := &Client{
		store:  s,
		db:     db.New(s.Pool),
		sender: sender,
		config: config,
		log:    log,
		id:     clientID(config.Work),
	}
	rc, err := river.NewClient(riverpgxv5.New(s.Pool), c.riverConfig(parts))
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
		Logger:            riverLog(c.log),
		Workers:           parts.Workers,
		RetryPolicy:       retryPolicy{},
		ErrorHandler:      parts.Errors,
		Middleware:        parts.Middleware,
		MaxAttempts:       MaxAttempts,
		FetchCooldown:     silentCooldown,
		FetchPollInterval: silentCooldown,
		SoftStopTimeout:   c.config.SoftStop,
		// The error history of a multiplication is read from its jobs: they must outlive it.
		CompletedJobRetentionPeriod: 2 * c.store.Retention,
		CancelledJobRetentionPeriod: 2 * c.store.Retention,
		DiscardedJobRetentionPeriod: 2 * c.store.Retention,
		Queues:                      map[string]river.QueueConfig{},
		LeaderElectionDisabled:      !c.config.Lead,
	}
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

// Start begins to work jobs. The context bounds the start only; Stop ends the work.
func (c *Client) Start(ctx context.Context) error {
	if err := c.renewLease(ctx); err != nil { // before the first job is fetched
		return fmt.Errorf("taking a lease: %w", err)
	}
	if err := c.compareSettings(ctx); err != nil {
		return err
	}
	loops, halt := context.WithCancel(context.WithoutCancel(ctx))
	c.halt = halt
	c.loops.Go(func() { c.keepLease(loops) })
	if c.config.Lead {
		c.refreshDepths(ctx) // the first scrape finds each series
		c.loops.Go(func() { Every(loops, refreshInterval, c.refreshDepths) })
	}
	if err := c.river.Start(context.WithoutCancel(ctx)); err != nil {
		halt()
		c.loops.Wait()
		return fmt.Errorf("starting the queue: %w", err)
	}
	return nil
}

// Stop stops fetching, lets running jobs finish for as long as Config.SoftStop, hands the rest back to the queue and
// returns when that is done. It may be called twice, or without Start.
func (c *Client) Stop() {
	c.stop.Do(func() {
		if c.halt == nil {
			return
		}
		if err := c.river.Stop(context.Background()); err != nil {
			c.log.Error("stopping the queue", "error", err)
		}
		c.halt()
		c.loops.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
		defer cancel()
		if err := c.db.ReleaseLease(ctx, c.id); err != nil {
			c.log.Warn("releasing the lease", "error", err)
		}
	})
}

// Wake tells workers that there are jobs in a queue. It must be called after the transaction that put them there.
func (c *Client) Wake(queue string) { c.sender.Send(insertChannel, wakePayload(queue)) }

// Every calls f once per interval until ctx is done.
func Every(ctx context.Context, interval time.Duration, f func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f(ctx)
		}
	}
}

package jobs

import (
	"context"
	"log/slog"
	"sync"

	"github.com/millrace/millrace/internal/loop"
	"github.com/millrace/millrace/jobs/accept"
	"github.com/millrace/millrace/jobs/admission"
	"github.com/millrace/millrace/jobs/measure"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/jobs/queue/deliver"
	"github.com/millrace/millrace/jobs/queue/session"
	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/quota"
	"github.com/millrace/millrace/watch"
	"github.com/millrace/millrace/watch/notify"
)

// Client is a process's access to multiplications, and its part in the work.
type Client struct {
	store     *store.Store
	queue     *queue.Client
	sender    *notify.Sender
	publisher *watch.Publisher
	config    queue.Config
	limits    Limits
	log       *slog.Logger
	metrics   *measure.Metrics
	acceptor  *accept.Acceptor
	quotas    *quota.Keeper
	webhooks  *deliver.Room
	gate      *admission.Gate
	halt      context.CancelFunc // ends the loops
	loops     sync.WaitGroup
}

// NewClient returns a client that submits and, once it is started, does what config says. The engine computes tiles;
// it may be nil in a process that does not work.
func NewClient(s *store.Store, engine *tile.Engine, config queue.Config, log *slog.Logger) (*Client, error) {
	c := &Client{
		store:    s,
		sender:   notify.NewSender(s.Pool, log),
		config:   config,
		log:      log,
		metrics:  measure.New(config, finalStates()),
		webhooks: deliver.New(s, config.Webhooks, config.Lead, config.Metrics, log),
	}
	if engine != nil {
		measure.Panels(engine, config)
	}
	c.publisher = watch.NewPublisher(c.sender)
	var err error
	c.queue, err = queue.New(s, c.sender, config, c.parts(engine), log)
	c.acceptor = accept.New(c.queue, func(n int) { c.metrics.Submitted(queue.Small, n) })
	c.SetLimits(Limits{})
	return c, err
}

// SetLimits sets the limits of submissions, before Start and the first one; without it they are those of the zero
// value.
func (c *Client) SetLimits(l Limits) {
	c.limits = l
	c.quotas = quota.New(c.store, l.Quotas, c.replicas, c.log)
	c.gate = admission.New(l.Queued, c.queue, c.acceptor, c.quotas)
}

// Start begins to work jobs. The context bounds the start only; Stop ends the work.
func (c *Client) Start(ctx context.Context) error {
	if err := c.queue.Start(ctx); err != nil {
		return err
	}
	loops, halt := context.WithCancel(context.WithoutCancel(ctx))
	c.halt = halt
	if c.config.Lead {
		c.quotas.Keep(ctx) // the first requests have quotas, too
		// Not a job of River's leader: the leader may be what died, and its successor takes a while.
		c.loops.Go(func() { loop.Every(loops, c.queue.RescueInterval(), c.rescue) })
		c.loops.Go(func() { loop.Every(loops, session.LookInterval, c.rescueEnded) })
		c.loops.Go(func() { loop.Every(loops, feedInterval, c.feed) })
		c.loops.Go(func() { loop.Every(loops, quota.Interval, c.quotas.Keep) })
		c.loops.Go(func() { loop.Every(loops, deliver.Interval, c.webhooks.Keep) })
		c.loops.Go(func() { loop.Every(loops, reconcileInterval, c.reconcileJustNow) })
	}
	return nil
}

// Stop stops fetching, lets running jobs finish for as long as Config.SoftStop, hands the rest back to the queue and
// returns when that is done. It may be called twice, or without Start.
func (c *Client) Stop() {
	c.queue.Stop()
	if c.halt != nil {
		c.halt()
		c.loops.Wait() //house:ignore bound halt ends the contexts of their statements
	}
	c.sender.Stop()
}

// Queue returns the process's part in the queue.
func (c *Client) Queue() *queue.Client { return c.queue }

// Quotas returns what knows the quotas of tenants.
func (c *Client) Quotas() *quota.Keeper { return c.quotas }

// Webhooks returns what sends the messages of webhooks.
func (c *Client) Webhooks() *deliver.Room { return c.webhooks }

// replicas returns how many processes serve clients.
func (c *Client) replicas(ctx context.Context) (int, error) {
	leases, err := c.queue.Leases(ctx)
	return int(leases.Processes - leases.Workers), err
}

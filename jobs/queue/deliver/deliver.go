// Package deliver sends the messages of webhooks: one job of River's for each, in a queue of its own, so that receivers
// that are slow hold up no computation.
package deliver

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/webhooks"
	"github.com/millrace/millrace/webhook"
)

// Queue is the queue of the jobs. The trigger of migration 00025 puts them there.
const Queue = "webhooks"

const (
	// DefaultConcurrency is how many messages a process sends at once.
	DefaultConcurrency = 16
	// cooldown is the shortest time between two looks for jobs, and so bounds how many are put off for receivers that are
	// slow. Nothing wakes the queue: polling is what a message waits for.
	cooldown    = 50 * time.Millisecond
	defaultPoll = 500 * time.Millisecond
	// Interval is how often Keep must be called.
	Interval = time.Second
	// keepTimeout bounds what Keep reads.
	keepTimeout = 10 * time.Second
	// late is after how long a delivery that was to be sent is overdue.
	late = time.Minute
	// countEvery is how many calls of Keep there are to one count of overdue deliveries.
	countEvery = 15
)

// Config says what a process sends, and where to.
type Config struct {
	Concurrency int            // messages at once; 0: DefaultConcurrency; less: none
	Allow       []netip.Prefix // networks that may be called besides public ones
	Poll        time.Duration  // between two looks for messages; 0: defaultPoll
}

// Room is a process's part in sending messages.
type Room struct {
	store   *store.Store
	config  Config
	sender  *webhook.Sender
	slots   *slots
	log     *slog.Logger
	metrics metrics
	small   atomic.Pointer[map[identity.TenantID]struct{}]
	kept    int // calls of Keep
}

// New returns the room of a process. One that does not lead sends nothing, and has no metrics.
func New(s *store.Store, config Config, leads bool, registry prometheus.Registerer, log *slog.Logger) *Room {
	switch {
	case !leads:
		config.Concurrency = -1
		registry = nil
	case config.Concurrency == 0:
		config.Concurrency = DefaultConcurrency
	}
	return &Room{
		store:   s,
		config:  config,
		sender:  webhook.NewSender(config.Allow, nil),
		slots:   newSlots(max(1, config.Concurrency/2)),
		log:     log,
		metrics: newMetrics(registry),
	}
}

// AddTo adds the worker of the jobs. Each process has it, whether it sends or not.
func (r *Room) AddTo(workers *river.Workers) { river.AddWorker(workers, &worker{room: r}) }

// Queues returns the queue if the process sends.
func (r *Room) Queues() map[string]river.QueueConfig {
	queues := map[string]river.QueueConfig{}
	if r.config.Concurrency > 0 {
		queues[Queue] = river.QueueConfig{
			MaxWorkers:        r.config.Concurrency,
			FetchCooldown:     cooldown,
			FetchPollInterval: cmp.Or(r.config.Poll, defaultPoll),
		}
	}
	return queues
}

// Check returns what is wrong with the address of a receiver, as far as that can be told before a message is sent.
func (r *Room) Check(url string) error { return r.sender.Check(url) }

// TellsSmall reports whether a webhook of a tenant tells of small multiplications, as far as this process knows. The
// statement that would accept one as an inline one looks again.
func (r *Room) TellsSmall(t identity.TenantID) bool {
	tenants := r.small.Load()
	if tenants == nil {
		return false
	}
	_, tells := (*tenants)[t]
	return tells
}

// Refresh reads which tenants have webhooks that tell of small multiplications.
func (r *Room) Refresh(ctx context.Context) error {
	tenants, err := webhooks.TenantsWithSmall(ctx, r.store)
	if err == nil {
		r.small.Store(&tenants)
	}
	return err
}

// Keep does what Refresh does, and counts what is overdue. If that fails, what was read before stays.
func (r *Room) Keep(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	err := r.Refresh(ctx)
	if err == nil && r.kept%countEvery == 0 {
		var overdue int64
		if overdue, err = webhooks.Overdue(ctx, r.store, late); err == nil {
			r.metrics.overdue.Set(float64(overdue))
		}
	}
	r.kept++
	if err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "reading the webhooks; those that were read before stay", "error", err)
	}
}

// Sweep deletes what is not kept any longer.
func (r *Room) Sweep(ctx context.Context) error { return webhooks.Sweep(ctx, r.store) }

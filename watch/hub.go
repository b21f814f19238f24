package watch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/watch/notify"
)

const (
	// pollInterval is how often each topic is read: that finds what no notification told.
	pollInterval = time.Second
	// acceptedPause is what a multiplication has for its end before it is read because a client waits for it.
	acceptedPause = 20 * time.Millisecond
	// readTimeout bounds one read, and the start of a subscription, while the database does not respond.
	readTimeout = 10 * time.Second
)

// ErrStopped means that this process is about to end; others go on.
var ErrStopped = errors.New("this server is stopping, try again")

// Hub multiplexes the subscriptions and waits of the process onto one reader. Reads never overlap: a request during a
// read is served by the next. An idle hub issues no queries.
type Hub struct {
	store *store.Store
	log   *slog.Logger

	mu         sync.Mutex
	topics     map[uuid.UUID]*topic
	generation uint64 // the number of the newest read that has begun
	running    bool   // between Start and Stop

	wake            chan struct{} // a read was requested
	progressPending chan struct{} // there is progress to read, which is not urgent
	acceptedPending chan struct{} // a client waits for what it has just submitted

	others   []notify.Channel // of other packages
	onOthers []func(notify.Notification)

	stop     sync.Once
	stopping chan struct{} // closed when Stop begins
	cancel   context.CancelFunc
	loops    sync.WaitGroup
}

// NewHub returns a hub that is not started.
func NewHub(s *store.Store, log *slog.Logger) *Hub {
	return &Hub{
		store:           s,
		log:             log,
		topics:          map[uuid.UUID]*topic{},
		wake:            make(chan struct{}, 1),
		progressPending: make(chan struct{}, 1),
		acceptedPending: make(chan struct{}, 1),
		stopping:        make(chan struct{}),
	}
}

// Also has f called with the notifications on another channel, and when the connection has just been opened. It must be
// called before Start, and f must not wait: all notifications of the process come on one connection.
func (h *Hub) Also(c notify.Channel, f func(notify.Notification)) {
	h.others = append(h.others, c)
	h.onOthers = append(h.onOthers, f)
}

// Start begins to listen. The context bounds the start only; Stop ends the hub.
func (h *Hub) Start(ctx context.Context) {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.mu.Lock()
	h.running = true
	h.mu.Unlock()
	channels := append([]notify.Channel{finished, progress}, h.others...)
	notifications := notify.Listen(ctx, h.store.Pool, h.log, channels...)
	h.loops.Go(func() {
		for n := range notifications {
			h.dispatch(n)
		}
	})
	h.loops.Go(func() { h.run(ctx) })
}

// Stop ends waits and subscriptions at once, and returns when the hub's goroutines have ended. It may be called
// twice, or without Start.
func (h *Hub) Stop() {
	h.stop.Do(func() {
		h.mu.Lock()
		h.running = false
		h.mu.Unlock()
		close(h.stopping)
		if h.cancel == nil {
			return
		}
		h.cancel()
		h.loops.Wait() //house:ignore bound their contexts were cancelled
	})
}

// Watched returns how many multiplications have a subscriber or a waiter.
func (h *Hub) Watched() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.topics)
}

// topic is a multiplication with a subscriber or a waiter.
type topic struct {
	id          uuid.UUID
	waiters     map[*waiter]struct{}
	subscribers int
	stale       bool // there may be something new to read

	row  store.Multiplication // only its tenant is known of one that was just accepted
	read uint64               // the generation that row is from, 0 before the first
	gone bool                 // no row has the id

	log     eventLog
	changed chan struct{} // closed when subscribers have something to look at
}

// join returns the topic of a multiplication, for one more subscriber or waiter, and the first generation that is
// read from now on. It reports false when the hub does not run. The caller holds the lock.
func (h *Hub) join(id uuid.UUID) (*topic, uint64, bool) {
	if !h.running {
		return nil, 0, false
	}
	t := h.topic(id)
	t.stale = true
	signal(h.wake)
	return t, h.generation + 1, true
}

// topic returns the topic of a multiplication, which may be new. The caller holds the lock.
func (h *Hub) topic(id uuid.UUID) *topic {
	t := h.topics[id]
	if t == nil {
		t = &topic{
			id:      id,
			waiters: map[*waiter]struct{}{},
			changed: make(chan struct{}),
		}
		h.topics[id] = t
	}
	return t
}

// leave deletes a topic without subscribers and waiters. The caller holds the lock.
func (h *Hub) leave(t *topic) {
	if len(t.waiters)+t.subscribers == 0 {
		delete(h.topics, t.id)
	}
}

// publish wakes the subscribers of a topic. The caller holds the lock.
func (t *topic) publish() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// signal makes a receive from c, whose capacity is 1, succeed.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run reads whenever there is something to read, until ctx is done.
func (h *Hub) run(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	var last time.Time
	var pause <-chan time.Time // until progress is read; nil when there is none
	healthy := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.progressPending:
			if pause == nil {
				pause = time.After(progress.Pause - time.Since(last))
			}
			continue
		case <-h.acceptedPending:
			if pause == nil {
				pause = time.After(acceptedPause)
			}
			continue
		case <-pause:
		case <-h.wake:
		case <-poll.C:
			h.markAllStale()
		}
		last = time.Now()
		pause = nil
		err := h.read(ctx)
		if healthy != (err == nil) && ctx.Err() == nil {
			healthy = err == nil
			h.report(ctx, err)
		}
	}
}

// report logs that reads fail, or succeed again.
func (h *Hub) report(ctx context.Context, err error) {
	if err != nil {
		h.log.WarnContext(ctx, "reading the multiplications that clients watch; the clients wait", "error", err)
	} else {
		h.log.InfoContext(ctx, "the multiplications that clients watch can be read again")
	}
}

// markAllStale has each topic read again.
func (h *Hub) markAllStale() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		t.stale = true
	}
}

// dispatch gives a notification to what it is for.
func (h *Hub) dispatch(n notify.Notification) {
	for i, c := range h.others {
		if n.Connected || n.Channel == c.Name {
			h.onOthers[i](n)
		}
	}
	if n.Connected || n.Channel == finished.Name || n.Channel == progress.Name {
		h.onNotification(n)
	}
}

// onNotification marks the topics that a notification is about.
func (h *Hub) onNotification(n notify.Notification) {
	if n.Connected { // what has changed before was not received
		h.markAllStale()
		signal(h.wake)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.topics) == 0 {
		return
	}
	for _, id := range parseIDs(n.Payload) {
		t := h.topics[id]
		switch {
		case t == nil:
		case n.Channel == finished.Name:
			if t.believe() {
				continue
			}
			t.stale = true
			signal(h.wake)
		case t.subscribers > 0: // waiters do not need progress
			t.stale = true
			signal(h.progressPending)
		}
	}
}

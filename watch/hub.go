package watch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

const (
	// pollInterval is how often all products that somebody follows are looked at: it finds what no notification told.
	pollInterval = time.Second
	// readTimeout bounds one reading while the database does not answer.
	readTimeout = 10 * time.Second
	// stopTimeout bounds how long Stop waits until everybody has an answer.
	stopTimeout = 5 * time.Second
)

// ErrStopped says that this process is about to end; others go on.
var ErrStopped = errors.New("this server is stopping, try again")

// Hub is a process's view of the products that its clients follow. All of them are read by one loop, in readings that
// never overlap: what is asked for while one runs is part of the next. Nothing is read while nobody follows anything.
type Hub struct {
	store *store.Store
	log   *slog.Logger

	mu      sync.Mutex
	topics  map[uuid.UUID]*topic
	reading uint64 // the number of the newest reading that has begun
	running bool   // between Start and Stop

	wake chan struct{} // somebody waits for a reading
	soon chan struct{} // there is progress to read, which is not urgent

	stop     sync.Once
	stopping chan struct{} // closed when Stop begins
	cancel   context.CancelFunc
	loops    sync.WaitGroup
}

// NewHub returns a hub; until it is started its clients read for themselves.
func NewHub(s *store.Store, log *slog.Logger) *Hub {
	return &Hub{
		store: s, log: log, topics: map[uuid.UUID]*topic{},
		wake: make(chan struct{}, 1), soon: make(chan struct{}, 1), stopping: make(chan struct{}),
	}
}

// Start begins to listen. The context bounds nothing but the start; Stop ends the hub.
func (h *Hub) Start(ctx context.Context) {
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	listening, unlisten := context.WithCancel(ctx)
	h.mu.Lock()
	h.running = true
	h.mu.Unlock()
	h.loops.Go(func() { h.listen(listening) })
	h.loops.Go(func() {
		defer unlisten()
		defer h.dismissAll()
		h.run(ctx)
	})
}

// Stop ends all that wait and all that follow, at once: those who wait get the present state. It returns when they have it.
// It may be called twice, or without Start.
func (h *Hub) Stop() {
	h.stop.Do(func() {
		h.mu.Lock()
		h.running = false
		h.mu.Unlock()
		close(h.stopping)
		if h.cancel == nil {
			return
		}
		late := time.AfterFunc(stopTimeout, h.cancel)
		defer late.Stop()
		signal(h.wake)
		h.loops.Wait()
		h.cancel()
	})
}

// Followed returns how many products somebody waits for or streams.
func (h *Hub) Followed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.topics)
}

// topic is one product that somebody follows.
type topic struct {
	id        uuid.UUID
	waiters   map[*waiter]struct{}
	followers int
	dirty     bool // there may be something new to read

	row  store.Multiplication
	read uint64 // the reading that row is from, 0 before the first
	gone bool   // no row has the id

	log  eventLog
	news chan struct{} // closed when followers have something to look at
}

// join returns the topic of a product, for one more to follow it, and the number of the first reading that begins from now
// on. False: the hub does not run. The caller holds the lock.
func (h *Hub) join(id uuid.UUID) (*topic, uint64, bool) {
	if !h.running {
		return nil, 0, false
	}
	t := h.topics[id]
	if t == nil {
		t = &topic{id: id, waiters: map[*waiter]struct{}{}, news: make(chan struct{})}
		h.topics[id] = t
	}
	t.dirty = true
	signal(h.wake)
	return t, h.reading + 1, true
}

// leave forgets a topic that nobody follows any more. The caller holds the lock.
func (h *Hub) leave(t *topic) {
	if len(t.waiters)+t.followers > 0 {
		return
	}
	delete(h.topics, t.id)
	if !h.running {
		signal(h.wake) // the loop may be waiting for this
	}
}

// publish wakes the followers of a topic. The caller holds the lock.
func (t *topic) publish() {
	close(t.news)
	t.news = make(chan struct{})
}

// run reads whenever there is something to read, until the hub is stopped and nobody waits any more.
func (h *Hub) run(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	var last time.Time
	var pause <-chan time.Time // until progress is read; nil when there is none
	healthy := true
	for !h.finished() {
		select {
		case <-ctx.Done():
			return
		case <-h.soon:
			if pause == nil {
				pause = time.After(progress.Pause - time.Since(last))
			}
			continue
		case <-pause:
		case <-h.wake:
		case <-poll.C:
			h.suspectAll()
		}
		last, pause = time.Now(), nil
		err := h.readOnce(ctx)
		if healthy != (err == nil) && ctx.Err() == nil {
			healthy = err == nil
			h.report(ctx, err)
		}
	}
}

// report logs that the products cannot be read, or can be again.
func (h *Hub) report(ctx context.Context, err error) {
	if err != nil {
		h.log.WarnContext(ctx, "reading the products that clients follow; they wait", "error", err)
	} else {
		h.log.InfoContext(ctx, "the products that clients follow can be read again")
	}
}

// finished reports whether the hub is stopped and everybody has an answer.
func (h *Hub) finished() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running {
		return false
	}
	for _, t := range h.topics {
		if len(t.waiters) > 0 {
			return false
		}
	}
	return true
}

// suspectAll has everything read anew.
func (h *Hub) suspectAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		t.dirty = true
	}
}

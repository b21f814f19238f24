// Package watch tells those who follow a product what becomes of it. The processes that change products announce it by
// notifications of Postgres, outside of the transactions that change anything. In every process that serves clients one
// hub listens on one connection and reads, in one query for all, what has changed of the products that somebody follows.
// A client that waits costs neither a connection nor a query of its own.
package watch

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// The channels of the notifications; what is sent are ids of products, separated by commas. Most of those who follow a
// product wait for its end only, so the two are told apart before anything is read.
const (
	endsChannel     = "millrace_ends"     // it has ended, or is gone
	progressChannel = "millrace_progress" // anything else about it has changed
)

const (
	// endsPause is how long after a notification the next one about ends may be sent: what comes together is sent together.
	// It is much less than people notice and much more than Postgres needs for one.
	endsPause = 5 * time.Millisecond
	// progressPause is the same for everything else. Nobody reads more than a few dozen steps a second.
	progressPause = 40 * time.Millisecond
	// sendTimeout bounds how long one attempt takes while the database does not answer.
	sendTimeout = 5 * time.Second
	// maxPending bounds what is kept to be sent; hubs find the rest when they poll.
	maxPending = 10_000
	// maxPayload is how many ids go into one notification, which Postgres limits to 8,000 bytes.
	maxPayload = 200
)

// Announcer tells the hubs of all processes which products have changed. A notification in the transaction of the change
// would make all such transactions commit one after the other, so they are sent afterwards, several changes at once, and
// nobody waits for them. One that is lost costs time, nothing else: hubs poll.
type Announcer struct {
	store *store.Store
	log   *slog.Logger

	mu             sync.Mutex
	ends, progress map[uuid.UUID]struct{}
	sending        bool // a sender runs
	stopped        bool
	last           time.Time     // of the newest notification
	wake           chan struct{} // the sender must look again
	sender         sync.WaitGroup
}

// NewAnnouncer returns an announcer, which runs from the first change on until Stop.
func NewAnnouncer(s *store.Store, log *slog.Logger) *Announcer {
	return &Announcer{
		store: s, log: log, wake: make(chan struct{}, 1),
		ends: map[uuid.UUID]struct{}{}, progress: map[uuid.UUID]struct{}{},
	}
}

// Ended announces that a product has ended or is gone. It does not wait.
func (a *Announcer) Ended(id uuid.UUID) { a.add(a.ends, id) }

// Changed announces that a product has gone on. It does not wait.
func (a *Announcer) Changed(id uuid.UUID) { a.add(a.progress, id) }

func (a *Announcer) add(to map[uuid.UUID]struct{}, id uuid.UUID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped || len(to) >= maxPending {
		return
	}
	to[id] = struct{}{}
	if !a.sending {
		a.sending = true
		a.sender.Go(a.send)
		return
	}
	signal(a.wake)
}

// signal wakes who waits for c, or who will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stop sends what is still to be sent and returns when that is done. It may be called twice.
func (a *Announcer) Stop() {
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	signal(a.wake)
	a.sender.Wait()
}

// send sends until there is nothing left to be sent.
func (a *Announcer) send() {
	for {
		ends, progress, pause, more := a.take()
		if !more {
			return
		}
		if pause > 0 {
			select {
			case <-time.After(pause):
			case <-a.wake:
			}
			continue
		}
		a.notify(endsChannel, ends)
		a.notify(progressChannel, progress)
	}
}

// take returns the ids that are to be sent now, or how long to wait before some are. Without any it reports false, and the
// sender is taken to have ended.
func (a *Announcer) take() (ends, progress []uuid.UUID, pause time.Duration, more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.ends)+len(a.progress) == 0 {
		a.sending = false
		return nil, nil, 0, false
	}
	if !a.stopped {
		pause = progressPause
		if len(a.ends) > 0 {
			pause = endsPause
		}
		if pause -= time.Since(a.last); pause > 0 {
			return nil, nil, pause, true
		}
	}
	a.last = time.Now()
	return drain(a.ends), drain(a.progress), 0, true
}

// drain empties a set.
func drain(set map[uuid.UUID]struct{}) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	clear(set)
	return ids
}

func (a *Announcer) notify(channel string, ids []uuid.UUID) {
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	if err := a.store.Notify(ctx, channel, payloads(ids)); err != nil {
		a.log.WarnContext(ctx, "announcing changes; those who follow them will see them a little later", "changes", len(ids), "error", err)
	}
}

// payloads writes ids down, as many in one text as a notification can hold.
func payloads(ids []uuid.UUID) []string {
	var texts []string
	for len(ids) > 0 {
		n := min(len(ids), maxPayload)
		words := make([]string, n)
		for i, id := range ids[:n] {
			words[i] = id.String()
		}
		texts, ids = append(texts, strings.Join(words, ",")), ids[n:]
	}
	return texts
}

// parsePayload is the reverse of payloads. What is no id is from a version that knows more than this one.
func parsePayload(text string) []uuid.UUID {
	var ids []uuid.UUID
	for word := range strings.SplitSeq(text, ",") {
		if id, err := uuid.Parse(word); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

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

// Channel is what notifications are sent on.
type Channel struct {
	Name  string        // behind that of the schema, so that several installations can share a database
	Pause time.Duration // between two notifications: what comes in between is sent together
	Apart bool          // each word is a notification of its own, not one of several in a text
}

// The channels of this package; what is sent are ids of products. Most of those who follow a product wait for its end
// only, so the two are told apart before anything is read.
var (
	// ends: a product has ended, or is gone. The pause is less than people notice.
	ends = Channel{Name: "millrace_ends", Pause: 5 * time.Millisecond}
	// progress: anything else about a product has changed. Nobody reads more than a few dozen steps a second.
	progress = Channel{Name: "millrace_progress", Pause: 40 * time.Millisecond}
)

const (
	// sendTimeout bounds how long one attempt takes while the database does not answer.
	sendTimeout = 5 * time.Second
	// maxPending bounds what is kept to be sent on one channel; who listens finds the rest when it polls.
	maxPending = 10_000
	// maxPayload is how long a notification may be; Postgres takes less than 8,000 bytes.
	maxPayload = 7_900
)

// Announcer sends notifications of changes. One in the transaction of the change would make all such transactions commit
// one after the other, so they are sent afterwards, several at once, and nobody waits for them. One that is lost costs
// time, nothing else: who listens also polls.
type Announcer struct {
	store *store.Store
	log   *slog.Logger

	mu      sync.Mutex
	boxes   map[Channel]*outbox
	pending int  // over all boxes
	sending bool // a sender runs
	stopped bool
	wake    chan struct{} // the sender must look again
	sender  sync.WaitGroup
}

// outbox is what is to be sent on one channel.
type outbox struct {
	words map[string]struct{}
	last  time.Time // when something was sent
}

// NewAnnouncer returns an announcer, which runs from the first change on until Stop.
func NewAnnouncer(s *store.Store, log *slog.Logger) *Announcer {
	return &Announcer{store: s, log: log, boxes: map[Channel]*outbox{}, wake: make(chan struct{}, 1)}
}

// Ended announces that a product has ended or is gone. It does not wait.
func (a *Announcer) Ended(id uuid.UUID) { a.Announce(ends, id.String()) }

// Changed announces that a product has gone on. It does not wait.
func (a *Announcer) Changed(id uuid.UUID) { a.Announce(progress, id.String()) }

// Announce sends a word on a channel, soon and together with others. It does not wait.
func (a *Announcer) Announce(c Channel, word string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.boxes[c]
	if box == nil {
		box = &outbox{words: map[string]struct{}{}}
		a.boxes[c] = box
	}
	if _, ok := box.words[word]; ok || a.stopped || len(box.words) >= maxPending {
		return
	}
	box.words[word] = struct{}{}
	a.pending++
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
		channels, payloads, pause := a.take()
		switch {
		case len(channels) > 0:
			a.notify(channels, payloads)
		case pause > 0:
			select {
			case <-time.After(pause):
			case <-a.wake:
			}
		default:
			return
		}
	}
}

// take returns the notifications that are to be sent now, or else how long to wait before some are. If it returns neither,
// the sender is taken to have ended.
func (a *Announcer) take() (channels, payloads []string, pause time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for c, box := range a.boxes {
		if len(box.words) == 0 {
			continue
		}
		if left := c.Pause - now.Sub(box.last); left > 0 && !a.stopped {
			if pause == 0 || left < pause {
				pause = left
			}
			continue
		}
		for _, payload := range c.payloads(box.words) {
			channels, payloads = append(channels, c.Name), append(payloads, payload)
		}
		a.pending -= len(box.words)
		clear(box.words)
		box.last = now
	}
	a.sending = len(channels) > 0 || a.pending > 0
	return channels, payloads, pause
}

func (a *Announcer) notify(channels, payloads []string) {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	if err := a.store.Notify(ctx, channels, payloads); err != nil {
		a.log.WarnContext(ctx, "announcing changes; who waits for them will see them a little later", "error", err)
	}
}

// payloads writes words down, as many in one text as a notification can hold, separated by spaces.
func (c Channel) payloads(words map[string]struct{}) []string {
	var texts []string
	var text strings.Builder
	for word := range words {
		if text.Len() > 0 && (c.Apart || text.Len()+1+len(word) > maxPayload) {
			texts = append(texts, text.String())
			text.Reset()
		}
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(word)
	}
	return append(texts, text.String())
}

// parseIDs returns the ids in a notification. What is no id is from a version that knows more than this one.
func parseIDs(text string) []uuid.UUID {
	var ids []uuid.UUID
	for word := range strings.FieldsSeq(text) {
		if id, err := uuid.Parse(word); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

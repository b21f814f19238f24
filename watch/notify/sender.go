// Package notify sends and receives notifications of Postgres: in batches outside of transactions, and on a
// connection of its own that reconnects.
package notify

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Channel is a channel of notifications. Its name in Postgres is that of the schema, a dot, and Name, so that several
// installations can share a database.
type Channel struct {
	Name      string
	Pause     time.Duration // between two notifications; payloads that arrive meanwhile are sent together
	Unhurried bool          // the pause is the same when few come: else it is a fifth then
	Unbatched bool          // each payload is a notification of its own, not one of several separated by spaces
}

const (
	// sendTimeout bounds one attempt to send while the database does not respond.
	sendTimeout = 5 * time.Second
	// maxPending bounds the payloads that wait to be sent on one channel; receivers find the rest when they poll.
	maxPending = 10_000
	// maxPayload is the length of the longest notification; Postgres takes less than 8,000 bytes.
	maxPayload = 7_900
)

// Sender sends notifications. A notification in the transaction of a change would make such transactions commit one
// after the other, so they are sent afterwards, several at once, and callers do not wait for them. A lost
// notification costs time, since receivers also poll, and nothing else.
type Sender struct {
	pool *pgxpool.Pool
	log  *slog.Logger

	mu       sync.Mutex
	channels map[Channel]*pending
	total    int  // payloads of the channels together
	sending  bool // a sender runs
	stopped  bool
	wake     chan struct{} // the sender must look again
	sender   sync.WaitGroup
}

// pending is what is to be sent on one channel.
type pending struct {
	payloads map[string]struct{}
	last     time.Time // when something was sent
	sent     int       // payloads at that time
}

// NewSender returns a sender, which runs from the first notification on until Stop.
func NewSender(pool *pgxpool.Pool, log *slog.Logger) *Sender {
	return &Sender{
		pool:     pool,
		log:      log,
		channels: map[Channel]*pending{},
		wake:     make(chan struct{}, 1),
	}
}

// Send has a payload sent on a channel, soon and together with others. A payload that is pending already is sent
// once. It does not wait.
func (s *Sender) Send(c Channel, payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.channels[c]
	if p == nil {
		p = &pending{payloads: map[string]struct{}{}}
		s.channels[c] = p
	}
	if _, ok := p.payloads[payload]; ok || s.stopped || len(p.payloads) >= maxPending {
		return
	}
	p.payloads[payload] = struct{}{}
	s.total++
	if !s.sending {
		s.sending = true
		s.sender.Go(s.run)
		return
	}
	s.signal()
}

// signal makes the sender look again.
func (s *Sender) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Stop sends what is pending and returns when that is done. It may be called twice.
func (s *Sender) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.signal()
	s.sender.Wait() //house:ignore bound nothing is added any more, and each statement has sendTimeout
}

// run sends until nothing is pending.
func (s *Sender) run() {
	for {
		names, payloads, pause := s.take()
		switch {
		case len(names) > 0:
			s.send(names, payloads)
		case pause > 0:
			select {
			case <-time.After(pause):
			case <-s.wake:
			}
		default:
			return
		}
	}
}

// take returns the notifications that are to be sent now, or else how long to wait before some are. If it returns
// neither, nothing is pending, and the sender must end.
func (s *Sender) take() (names, payloads []string, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for c, p := range s.channels {
		if len(p.payloads) == 0 {
			continue
		}
		if left := c.pauseAfter(p.sent) - now.Sub(p.last); left > 0 && !s.stopped {
			if pause == 0 || left < pause {
				pause = left
			}
			continue
		}
		for _, payload := range c.batch(p.payloads) {
			names = append(names, c.Name)
			payloads = append(payloads, payload)
		}
		s.total -= len(p.payloads)
		p.sent = len(p.payloads)
		clear(p.payloads)
		p.last = now
	}
	s.sending = len(names) > 0 || s.total > 0
	return names, payloads, pause
}

// notifySQL notifies in a transaction of its own, since notifications make commits wait for each other. It does not
// wait for the disk.
const notifySQL = `
SELECT set_config('synchronous_commit', 'off', true), pg_notify(current_schema() || '.' || ($1::text[])[n.i], n.payload)
FROM unnest($2::text[]) WITH ORDINALITY AS n(payload, i)`

func (s *Sender) send(names, payloads []string) {
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	if _, err := s.pool.Exec(ctx, notifySQL, names, payloads); err != nil {
		s.log.WarnContext(ctx, "sending notifications; clients that wait will see the changes a little later", "error", err)
	}
}

const (
	// manyPayloads is how many payloads at once make it worth to wait for more.
	manyPayloads = 8
	// hurry is the part of its pause that a channel keeps while there are few.
	hurry = 5
)

// pauseAfter returns how long a channel pauses after a number of payloads: for long only if many come.
func (c Channel) pauseAfter(sent int) time.Duration {
	if sent < manyPayloads && !c.Unhurried {
		return c.Pause / hurry
	}
	return c.Pause
}

// batch puts payloads together, as many in one text as a notification can hold, separated by spaces.
func (c Channel) batch(payloads map[string]struct{}) []string {
	var texts []string
	var text strings.Builder
	for payload := range payloads {
		if text.Len() > 0 && (c.Unbatched || text.Len()+1+len(payload) > maxPayload) {
			texts = append(texts, text.String())
			text.Reset()
		}
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(payload)
	}
	return append(texts, text.String())
}

// quoted returns the identifier of the channel in a schema.
func (c Channel) quoted(schema string) string {
	return pgx.Identifier{schema + "." + c.Name}.Sanitize()
}

// Package watch tells clients what becomes of multiplications. Processes that change multiplications publish it by
// notifications of Postgres, outside of the transactions that change anything. In each process that serves clients
// one Hub listens on one connection and reads, in one query for all subscriptions, what has changed. A client that
// waits costs neither a connection nor a query of its own.
package watch

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/watch/notify"
)

// The channels of this package; payloads are ids of multiplications. Most clients wait for the end only, so the two
// are told apart before anything is read.
var (
	// finished: a multiplication has finished, or was deleted. The pause is shorter than people notice.
	finished = notify.Channel{Name: "millrace_ends", Pause: 5 * time.Millisecond}
	// progress: anything else about a multiplication has changed. People do not read more than a few dozen steps a second.
	progress = notify.Channel{
		Name:      "millrace_progress",
		Pause:     40 * time.Millisecond,
		Unhurried: true,
	}
)

// Publisher publishes changes of multiplications. A notification that is lost costs time, and nothing else: hubs also
// poll.
type Publisher struct {
	sender *notify.Sender
}

// NewPublisher returns a publisher that sends by s.
func NewPublisher(s *notify.Sender) *Publisher { return &Publisher{sender: s} }

// Finished publishes that a multiplication has finished or was deleted. It does not wait.
func (p *Publisher) Finished(id uuid.UUID) { p.sender.Send(finished, id.String()) }

// Changed publishes that a multiplication has changed and is active. It does not wait.
func (p *Publisher) Changed(id uuid.UUID) { p.sender.Send(progress, id.String()) }

// parseIDs returns the ids in a notification. Words that are no ids are from a newer version.
func parseIDs(payload string) []uuid.UUID {
	var ids []uuid.UUID
	for word := range strings.FieldsSeq(payload) {
		if id, err := uuid.Parse(word); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

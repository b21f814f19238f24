package watch

import (
	"cmp"
	"slices"
	"time"

	"github.com/millrace/millrace/store"
)

// Event is one change in the life of a multiplication.
type Event struct {
	Number         int64
	At             time.Time
	State          string
	StateChanged   bool // otherwise it is progress
	TilesCompleted int64
	Outcome        *store.Multiplication // the finished multiplication, with its last event; else nil
}

// eventLog is what a hub keeps of the events of a multiplication with subscribers: those from a number on.
type eventLog struct {
	from   int64 // no subscriber has asked for earlier events; 1 is the first there is
	events []Event
}

// reset makes the log begin at an earlier number, for a subscriber that has seen less than the others.
func (l *eventLog) reset(from int64) { *l = eventLog{from: from} }

// next is the number of the first event that the log does not have.
func (l *eventLog) next() int64 {
	if len(l.events) == 0 {
		return l.from
	}
	return l.events[len(l.events)-1].Number + 1
}

// complete adds what the row of the multiplication tells itself, its first and its present event, and reports whether
// nothing is missing then.
func (l *eventLog) complete(row store.Multiplication) bool {
	if len(l.events) == 0 {
		l.from = min(l.from, row.Events) // a client cannot have seen what has not happened
	}
	if l.next() == 1 {
		l.append(first(row))
	}
	switch {
	case l.next() > row.Events:
		return true
	case l.next() == row.Events && (row.Finished() || len(l.events) == 0):
		// The times of others are not in the row. The event after which a subscriber begins needs no time.
		l.append(present(row))
		return true
	}
	return false
}

// add appends what the database has of the events that are missing; whole means that there are no more. What has
// happened since the row was read comes with the next row: the last event goes out with the outcome, which is there.
func (l *eventLog) add(events []store.MultiplicationEvent, row store.Multiplication, whole bool) {
	for _, e := range events {
		if l.next() <= e.Seq && e.Seq <= row.Events {
			l.append(Event{
				Number:         e.Seq,
				At:             e.At,
				State:          e.State,
				TilesCompleted: e.TilesCompleted,
			})
		}
	}
	if whole && l.next() <= row.Events {
		l.append(present(row))
	}
}

func (l *eventLog) append(e Event) {
	e.StateChanged = len(l.events) == 0 || l.events[len(l.events)-1].State != e.State
	l.events = append(l.events, e)
}

// after returns up to n events with numbers greater than one that the log covers. Callers must not change them.
func (l *eventLog) after(number int64, n int) []Event {
	i, _ := slices.BinarySearchFunc(l.events, number+1, func(e Event, number int64) int {
		return cmp.Compare(e.Number, number)
	})
	return l.events[i:min(len(l.events), i+n)]
}

// submitted is the state of the first event.
const submitted = "pending"

// first is the submission.
func first(row store.Multiplication) Event {
	if row.Events == 1 {
		return present(row)
	}
	return Event{
		Number: 1,
		At:     row.CreatedAt,
		State:  submitted,
	}
}

// present is the event that the row shows. The row has its time if it was the first or the last one.
func present(row store.Multiplication) Event {
	e := Event{
		Number:         row.Events,
		At:             row.CreatedAt,
		State:          row.State,
		TilesCompleted: row.TilesCompleted,
	}
	if row.FinishedAt != nil {
		e.At = *row.FinishedAt
	}
	return e
}

package watch

import (
	"cmp"
	"slices"
	"time"

	"github.com/millrace/millrace/store"
)

// Event is one change in the life of a product.
type Event struct {
	Number         int64
	At             time.Time
	State          store.State
	StateChanged   bool // else it is progress
	TilesCompleted int64
	Product        *store.Multiplication // the product as it has ended, with the last event; else nil
}

// eventLog is what a hub keeps of the events of a product that somebody streams: those from a number on.
type eventLog struct {
	from   int64 // nobody has asked for what was before; 1 is the first there is
	events []Event
}

// reset makes the log begin at an earlier number, for one who has seen less than the others.
func (l *eventLog) reset(from int64) { *l = eventLog{from: from} }

// next is the number of the first event that the log does not have.
func (l *eventLog) next() int64 {
	if len(l.events) == 0 {
		return l.from
	}
	return l.events[len(l.events)-1].Number + 1
}

// complete adds what the row of the product tells itself, its first and its present event, and reports whether nothing is
// missing then.
func (l *eventLog) complete(row store.Multiplication) bool {
	if len(l.events) == 0 {
		l.from = min(l.from, row.Events) // nobody can have seen what has not happened
	}
	if l.next() == 1 {
		l.append(first(row))
	}
	switch {
	case l.next() > row.Events:
		return true
	case l.next() == row.Events && (row.State.Final() || len(l.events) == 0):
		// The times of others are not in the row. Of the event after which somebody wants the next ones no time is needed.
		l.append(present(row))
		return true
	}
	return false
}

// add appends what the database has of the events that are missing; whole says that it is all.
func (l *eventLog) add(events []store.MultiplicationEvent, row store.Multiplication, whole bool) {
	for _, e := range events {
		if e.Seq >= l.next() {
			l.append(Event{Number: e.Seq, At: e.At, State: e.State, TilesCompleted: e.TilesCompleted})
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

// after returns up to n events with numbers greater than one that the log covers. They must not be changed.
func (l *eventLog) after(number int64, n int) []Event {
	i, _ := slices.BinarySearchFunc(l.events, number+1, func(e Event, number int64) int { return cmp.Compare(e.Number, number) })
	return l.events[i:min(len(l.events), i+n)]
}

// first is the submission.
func first(row store.Multiplication) Event {
	if row.Events == 1 {
		return present(row)
	}
	return Event{Number: 1, At: row.CreatedAt, State: store.Pending}
}

// present is the event that the row shows. When it happened the row tells only if it was the first or the last one.
func present(row store.Multiplication) Event {
	e := Event{Number: row.Events, At: row.CreatedAt, State: row.State, TilesCompleted: row.TilesCompleted}
	if row.FinishedAt != nil {
		e.At = *row.FinishedAt
	}
	return e
}

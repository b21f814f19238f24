package scaling

import (
	"container/heap"
	"time"
)

// timeline holds planned events and calls them in order of time. Events of the same time are called in the order in
// which they were planned.
type timeline struct {
	now     time.Duration
	planned plannedEvents
	count   int
}

// plannedEvent is a call to be made at a time.
type plannedEvent struct {
	at     time.Duration
	number int
	happen func()
}

// at plans a call of happen.
func (t *timeline) at(at time.Duration, happen func()) {
	t.count++
	heap.Push(&t.planned, plannedEvent{
		at:     at,
		number: t.count,
		happen: happen,
	})
}

// every plans a call of happen at a time, and again after each interval.
func (t *timeline) every(first, interval time.Duration, happen func()) {
	t.at(first, func() {
		happen()
		t.every(first+interval, interval, happen)
	})
}

// run calls the events that are due until a time, or until done returns true.
func (t *timeline) run(until time.Duration, done func() bool) {
	for len(t.planned) > 0 && t.planned[0].at <= until && !done() {
		next := heap.Pop(&t.planned).(plannedEvent)
		t.now = next.at
		next.happen()
	}
}

// plannedEvents implements heap.Interface.
type plannedEvents []plannedEvent

func (p plannedEvents) Len() int { return len(p) }

func (p plannedEvents) Less(i, j int) bool {
	return p[i].at < p[j].at || p[i].at == p[j].at && p[i].number < p[j].number
}

func (p plannedEvents) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push implements heap.Interface.
func (p *plannedEvents) Push(x any) { *p = append(*p, x.(plannedEvent)) }

// Pop implements heap.Interface.
func (p *plannedEvents) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

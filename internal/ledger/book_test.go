package ledger_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// book has what was accepted, and what became of it as far as its clients have seen.
type book struct {
	mutex      sync.Mutex
	accepted   map[string]order
	ended      map[string]multiplication
	deleted    map[string]bool
	refused    map[int]int // how many requests, by status
	complaints []error
	checked    atomic.Int64 // results whose values are right
}

func newBook() *book {
	return &book{
		accepted: map[string]order{},
		ended:    map[string]multiplication{},
		deleted:  map[string]bool{},
		refused:  map[int]int{},
	}
}

func (b *book) refuse(status int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.refused[status]++
}

func (b *book) delete(id string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.deleted[id] = true
}

// refusals returns how many requests were refused with 503.
func (b *book) refusals() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.refused[http.StatusServiceUnavailable]
}

// errTwice is something that happened again for the same reason.
var errTwice = errors.New("twice")

func (b *book) accept(id string, o order) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if _, twice := b.accepted[id]; twice {
		b.complaints = append(b.complaints, fmt.Errorf("%s was accepted %w", id, errTwice))
	}
	b.accepted[id] = o
}

func (b *book) finish(id string, m multiplication) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.ended[id] = m
}

// end returns how a multiplication has ended, as its client has seen it.
func (b *book) end(id string) multiplication {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.ended[id]
}

func (b *book) complain(err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.complaints = append(b.complaints, err)
}

// count returns how many multiplications were accepted.
func (b *book) count() int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return len(b.accepted)
}

// untold returns multiplications of the database of whose acceptance no client has been told.
func (b *book) untold(c *cluster) (ids []string) {
	c.t.Helper()
	rows := list[balance](c, balances)
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, row := range rows {
		if _, told := b.accepted[row.ID]; !told {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// balance is what the database says of a multiplication.
type balance struct {
	ID, State string
	Total     int64 // tiles
	Completed int64
	Events    int64
	Jobs      int64
	Done      int64 // jobs that are completed
	Tiles     int64 // different tiles of these
	Attempts  int64
	Failed    int64 // jobs with an error
	Crashes   int64
	Discarded int64
	Inline    bool // one row is all there is of it
}

const balances = `
SELECT p.id::text, p.state, p.tiles_total, p.tiles_completed, p.events, count(j.id), count(*) FILTER (WHERE j.state = 'completed'),
       count(DISTINCT j.args->>'tile') FILTER (WHERE j.state = 'completed'),
       coalesce(sum(j.attempt + coalesce((j.metadata->>'crashes')::int, 0)), 0)::bigint,
       count(*) FILTER (WHERE j.errors IS NOT NULL), coalesce(sum((j.metadata->>'crashes')::int), 0)::bigint, count(*) FILTER (WHERE j.state = 'discarded'),
       false
FROM multiplications p LEFT JOIN river_job j ON j.args->>'multiplication_id' = p.id::text
GROUP BY p.id
UNION ALL
SELECT id::text, 'pending', 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, true FROM inline_pending
UNION ALL
SELECT id::text, 'completed', 1, 1, 2, 0, 0, 0, 1, 0, 0, 0, true FROM inline_completed`

// unevenEvents are multiplications whose events have gaps, or tell of one count twice.
const unevenEvents = `
SELECT multiplication_id::text FROM multiplication_events GROUP BY 1
HAVING count(*) <> max(seq) - min(seq) + 1
    OR count(*) FILTER (WHERE state = 'in_progress') <> count(DISTINCT tiles_completed) FILTER (WHERE state = 'in_progress')`

// totals is the sum of a book: what was accepted, what of it is inline, and of what was neither cancelled nor made to fail the tiles, the
// attempts at them, the tiles with an error, and the crashes that were counted and not forgiven.
type totals struct{ accepted, inline, tiles, attempts, failed, crashes int64 }

// audit compares the book with the database.
func (b *book) audit(t *testing.T, c *cluster) (sum totals) {
	t.Helper()
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, err := range b.complaints {
		t.Error(err)
	}
	found := map[string]bool{}
	for _, row := range list[balance](c, balances) {
		if found[row.ID] {
			t.Errorf("%+v is there twice", row)
		}
		found[row.ID] = true
		o, known := b.accepted[row.ID]
		if !known {
			t.Errorf("%+v was not accepted: a repetition of a request has submitted it again", row)
			continue
		}
		sum.accepted++
		if row.Inline {
			sum.inline++
		}
		if !o.regretted && !o.poison {
			sum.tiles += row.Total
			sum.attempts += row.Attempts
			sum.failed += row.Failed
			sum.crashes += row.Crashes
		}
		if problem := o.judge(row); problem != "" {
			t.Errorf("%s: %s %+v, its client has seen %+v", problem, o.kind, row, b.ended[row.ID])
		}
	}
	for id, o := range b.accepted {
		if !found[id] {
			t.Errorf("lost: %s %s", o.kind, id)
		}
	}
	for _, row := range list[struct{ ID string }](c, unevenEvents) {
		if !b.accepted[row.ID].regretted {
			t.Errorf("the events of %s have gaps, or repetitions", row.ID)
		}
	}
	return sum
}

// judge says what is wrong with the end of a multiplication; empty: nothing is.
func (o order) judge(row balance) string {
	switch {
	case o.poison && row.State == "failed" && row.Discarded == 1:
		return ""
	case row.State != "completed":
		return "not completed"
	case row.Inline && o.tiles == 1:
		return ""
	case row.Discarded > 0:
		return "a quarantine"
	case row.Total != o.tiles, row.Jobs != o.tiles, row.Done != o.tiles, row.Tiles != o.tiles, row.Completed != o.tiles:
		return "wrong count of tiles"
	case o.regretted:
		return ""
	case o.tiles == 1 && row.Events != 2, o.tiles > 1 && row.Events != 2+o.tiles:
		return "wrong number of events"
	}
	return ""
}

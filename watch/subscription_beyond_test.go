package watch

import (
	"io"
	"testing"

	"github.com/millrace/millrace/store"
)

// TestSubscribeBeyond: a subscriber that claims to have seen more than there is gets the newest event and those that
// follow, beside subscribers that have seen less and more.
func TestSubscribeBeyond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(4)
	b.start(id)
	b.work(id, true)
	latest := b.subscribe(b.hub, id, 3)
	defer latest.Close()
	beyond := b.subscribe(b.hub, id, 1000)
	defer beyond.Close()
	beyond.expect(t, nil, "3 in_progress 1")
	first := b.subscribe(b.hub, id, 0)
	defer first.Close()
	b.end(id, "cancelled", "")
	beyond.expect(t, io.EOF, "4 cancelled 1 *")
	latest.expect(t, io.EOF, "4 cancelled 1 *")
	first.expect(t, io.EOF, "1 pending 0 *", "2 in_progress 0 *", "3 in_progress 1", "4 cancelled 1 *")
}

// TestEndAfterTheRow: an end that comes after the row was read, and before the events were, waits for the next row.
func TestEndAfterTheRow(t *testing.T) {
	row := store.Multiplication{State: "in_progress", Events: 3}
	l := eventLog{from: 3}
	l.add([]store.MultiplicationEvent{{Seq: 3, State: "in_progress"}, {Seq: 4, State: "cancelled"}}, row, true)
	if got := l.next(); got != 4 {
		t.Errorf("the next event is %d, want 4, which the row does not know", got)
	}
}

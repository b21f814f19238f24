package queue

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
)

// TestStrangers: tiles that wait without a place in line, because a process of the version before has enqueued them,
// get places as if they had just come.
func TestStrangers(t *testing.T) {
	f := newFleet(setup(t), 2)
	f.enqueue(f.client, Tiles, 4*matrix.StandardTileRows, 1, matrix.StandardTileCols) // with a time as its place
	other := f.tenant("other", 1)
	f.submit(Order{Tenant: other, Cost: 1}, 4)
	f.work(1.1, 0.5, func() {}) // adopted
	f.keep()
	const strangers = "SELECT count(*)::int FROM river_job WHERE state = 'available' AND scheduled_at > '2000-01-01'"
	if n := query[int](f.testBundle, strangers); n != 0 {
		t.Errorf("%d tiles have no place, want none", n)
	}
	if oldest := f.depths(f.client)[Tiles].Oldest; oldest > time.Hour {
		t.Errorf("the oldest tile has been due for %s, want since it was enqueued", oldest)
	}
	const places = "SELECT count(DISTINCT scheduled_at)::int FROM river_job WHERE tags[1] <> $1"
	if n := query[int](f.testBundle, places, f.order[0]); n != 4 {
		t.Errorf("four tiles have %d places, want 4", n)
	}
}

// TestRetriedJoinsLine: a multiplication that is retried stands in line as one that has just come, not where it stood.
func TestRetriedJoinsLine(t *testing.T) {
	f := newFleet(setup(t), 2)
	first, other := f.tenant("first", 1), f.tenant("other", 1)
	retried := f.submit(Order{Tenant: first, Cost: 1}, 20)
	f.exec("UPDATE river_job SET state = 'cancelled', finalized_at = now()")
	o := Order{
		Kind:     tileArgs{}.Kind(),
		Queue:    Tiles,
		Priority: 2,
		Tenant:   first,
		Cost:     1,
	}
	group := Group{
		ID:    uuid.MustParse(retried),
		First: query[int64](f.testBundle, "SELECT min(id) FROM river_job"),
		Last:  query[int64](f.testBundle, "SELECT max(id) FROM river_job"),
	}
	in := func(do func(tx *store.Tx) error) {
		t.Helper()
		if err := f.store.InTx(t.Context(), do); err != nil {
			t.Fatal(err)
		}
	}
	in(func(tx *store.Tx) error { return f.client.LeaveLineTx(t.Context(), tx, group, Tiles) })
	f.submit(Order{Tenant: other, Cost: 1}, 40)
	f.work(10, 0.5, func() {})
	in(func(tx *store.Tx) error { return f.client.RequeueTx(t.Context(), tx, group) })
	in(func(tx *store.Tx) error { return f.client.JoinLineTx(t.Context(), tx, group, o, 1) })
	before := f.served[retried]
	f.work(5, 0.5, func() {})
	if got := f.served[retried] - before; got < 4 || got > 6 {
		t.Errorf("of 10 core-seconds it gets %v, want about half", got)
	}
}

// TestSubmissionsDoNotWait: of two submissions of a tenant the second does not wait for the first to be committed.
func TestSubmissionsDoNotWait(t *testing.T) {
	f := newFleet(setup(t), 2)
	tenant := f.tenant("one", 1)
	f.submit(Order{Tenant: tenant, Cost: 1}, 5)
	err := f.store.InTx(t.Context(), func(tx *store.Tx) error {
		o := Order{
			Kind:     tileArgs{}.Kind(),
			Queue:    Tiles,
			Priority: 2,
			Tenant:   tenant,
			Cost:     1,
		}
		if _, err := f.client.EnqueueTx(t.Context(), tx, store.NewID(), o, 0, 4); err != nil {
			return err
		}
		f.submit(Order{Tenant: tenant, Cost: 1}, 5) // in another transaction
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

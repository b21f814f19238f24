package queue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// TestRescue: a job that is taken back from a lost worker leaves the line for a moment, and returns to its place. One
// that has crashed its worker too often is discarded.
func TestRescue(t *testing.T) {
	b := setup(t)
	c := b.leader()
	notified := b.listen()
	back := b.enqueue(c, Tiles, 1000, 1000, 1000)
	quarantined := b.enqueue(c, Small, 5, 5, 5)
	notified.next()
	notified.next() // those of the two, which are sent when it suits
	b.exec("UPDATE river_job SET scheduled_at = now() - interval '1 day'")
	place := query[time.Time](b, "SELECT scheduled_at FROM river_job WHERE id = $1", back.First)
	b.lose(back.First, "dead")
	b.lose(quarantined.First, "dead")
	b.exec(`UPDATE river_job SET metadata = jsonb_build_object('crashes', $1::int, 'alone', attempted_at)
		WHERE queue = 'small'`, MaxCrashes-1)
	rescued := b.rescue(c)
	slices.SortFunc(rescued, func(x, y Rescued) int { return int(x.ID - y.ID) })
	want := []Rescued{
		{
			ID:      back.First,
			Kind:    "multiply_tile",
			Queue:   Tiles,
			State:   "retryable",
			GroupID: back.ID.String(),
		},
		{
			ID:          quarantined.First,
			Kind:        "multiply_tile",
			Queue:       Small,
			State:       "discarded",
			GroupID:     quarantined.ID.String(),
			Quarantined: true,
		},
	}
	if !slices.Equal(rescued, want) {
		t.Errorf("Rescue() = %+v, want %+v", rescued, want)
	}
	message := query[string](b, "SELECT errors[array_upper(errors, 1)]->>'error' FROM river_job WHERE id = $1", back.First)
	if !strings.Contains(message, "crash 1 of at most 3") || strings.Contains(message, "dead") {
		t.Errorf("clients read %q, want the crash, and not the host of the worker", message)
	}
	b.exec("UPDATE river_job SET scheduled_at = now() WHERE id = $1", back.First)
	c.promote(t.Context())
	if at := query[time.Time](b, "SELECT scheduled_at FROM river_job WHERE id = $1", back.First); !at.Equal(place) {
		t.Errorf("its place in line is %s, want %s", at, place)
	}
	attempt := query[int](b, "SELECT attempt::int FROM river_job WHERE id = $1", back.First)
	if got := b.state(back.First); got != "available" || attempt != 0 {
		t.Errorf("it is %s with %d attempts, want available and 0", got, attempt)
	}
	c.sender.Stop() // sends what is pending
	if got, want := notified.sent(), []string{wakePayload(Tiles)}; !slices.Equal(got, want) {
		t.Errorf("got the notifications %q, want %q", got, want)
	}
}

// TestRescueWithoutLease: a process judges the leases of others only while it has one of its own, and after it has held
// it for as long as it lasts. After an outage all leases have run out.
func TestRescueWithoutLease(t *testing.T) {
	b := setup(t)
	c := b.client(Config{Lead: true, Lease: time.Minute}, idle)
	group := b.enqueue(c, Tiles, 5, 5, 5)
	b.lose(group.First, "dead")
	if rescued := b.rescue(c); len(rescued) > 0 {
		t.Errorf("Rescue() = %+v without a lease, want none", rescued)
	}
	if err := c.renewLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rescued := b.rescue(c); len(rescued) > 0 {
		t.Errorf("Rescue() = %+v with a new lease, want none", rescued)
	}
	b.hold(c)
	b.exec("UPDATE workers SET expires_at = now() - interval '1 second' WHERE id = $1", c.id)
	if rescued := b.rescue(c); len(rescued) > 0 {
		t.Errorf("Rescue() = %+v with a lease that has run out, want none", rescued)
	}
	b.hold(c)
	if rescued := b.rescue(c); len(rescued) != 1 {
		t.Errorf("Rescue() = %+v with a lease, want one job", rescued)
	}
}

// TestRescueLooksTwice: when most workers seem to be lost at once, something else is wrong, maybe.
func TestRescueLooksTwice(t *testing.T) {
	b := setup(t)
	c := b.leader()
	group := b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.lose(group.First, "one")
	b.lose(group.First+1, "two")
	for range 2 {
		if rescued := b.rescue(c); len(rescued) > 0 {
			t.Fatalf("Rescue() = %+v at first sight, want none", rescued)
		}
	}
	for worker := range c.rescue.suspected {
		c.rescue.suspected[worker] = time.Now().Add(-time.Hour)
	}
	if rescued := b.rescue(c); len(rescued) != 2 {
		t.Errorf("Rescue() = %+v a lease later, want two jobs", rescued)
	}
}

// TestLeaseOfItsOwn: a worker is judged by its own lease, and one of the version before, which does not tell it, by
// that of the leader.
func TestLeaseOfItsOwn(t *testing.T) {
	b := setup(t)
	c := b.leader()
	worker := b.client(Config{Work: true, Lease: time.Hour}, idle)
	if err := worker.renewLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.exec("UPDATE workers SET renewed_at = now() - interval '30 minutes' WHERE id = $1", worker.id)
	b.exec("INSERT INTO workers (id, renewed_at) VALUES ('older', now() - interval '30 seconds')")
	b.exec("INSERT INTO workers (id, renewed_at) VALUES ('silent', now() - interval '2 minutes')")
	group := b.enqueue(c, Tiles, fourM, fourK, fourN)
	b.lose(group.First, worker.id)
	b.lose(group.First+1, "older")
	b.lose(group.First+2, "silent")
	rescued := b.rescue(c)
	if len(rescued) != 1 || rescued[0].ID != group.First+2 {
		t.Errorf("Rescue() = %+v, want job %d only", rescued, group.First+2)
	}
}

// TestWorkerComesBack: a worker whose lease had run out, and whose job was rescued, has not crashed.
func TestWorkerComesBack(t *testing.T) {
	b := setup(t)
	c := b.leader()
	worker := b.client(Config{Work: true, Lease: time.Minute}, idle)
	if err := worker.renewLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	group := b.enqueue(c, Tiles, 5, 5, 5)
	b.lose(group.First, worker.id)
	worker.hands.keep([]*rivertype.JobRow{{ID: group.First}})
	b.exec(`UPDATE workers SET renewed_at = now() - interval '10 minutes', expires_at = now() - interval '9 minutes'
		WHERE id = $1`, worker.id)
	if rescued := b.rescue(c); len(rescued) != 1 {
		t.Fatalf("Rescue() = %+v, want one job", rescued)
	}
	if got := b.crashes(group.First); got != 1 {
		t.Errorf("got %d crashes, want 1", got)
	}
	if err := worker.renewLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.crashes(group.First); got != 0 {
		t.Errorf("got %d crashes after it came back, want 0", got)
	}
}

// TestCrashesThatCount: only what was alone in its worker is discarded for a crash, and only when the worker has been
// silent for long enough not to come back.
func TestCrashesThatCount(t *testing.T) {
	b := setup(t)
	c := b.leader()
	group := b.enqueue(c, Tiles, fourM, fourK, fourN)
	for id := group.First; id <= group.Last; id++ {
		b.lose(id, "dead")
	}
	b.exec(`UPDATE river_job SET metadata = '{"crashes": 2}'`)
	const alone = "UPDATE river_job SET metadata = metadata || jsonb_build_object('alone', attempted_at) WHERE id >= $1"
	b.exec(alone, group.First+1)
	b.exec("UPDATE river_job SET attempted_at = attempted_at + interval '1 second' WHERE id = $1", group.First+2)
	b.lose(group.Last, "silent")
	b.exec(alone, group.Last)
	b.exec(`INSERT INTO workers (id, renewed_at, expires_at)
		VALUES ('silent', now() - interval '3 minutes', now() - interval '2 minutes')`)
	for worker := range map[string]bool{"dead": true, "silent": true} {
		c.rescue.suspected = map[string]time.Time{worker: time.Now().Add(-time.Hour)}
		b.rescue(c)
	}
	for i, want := range []string{"retryable", "discarded", "retryable", "running"} {
		if got := b.state(group.First + int64(i)); got != want {
			t.Errorf("job %d of the group is %s, want %s", i, got, want)
		}
	}
	if got := b.crashes(group.First); got != 2 {
		t.Errorf("got %d crashes of a job that was not alone, want 2", got)
	}
}

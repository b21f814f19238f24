package queue

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"github.com/millrace/millrace/internal/loop"
)

// hold makes it so that a client, which is not started, has held its lease for a long time.
func (b *testBundle) hold(c *Client) {
	b.t.Helper()
	if err := c.renewLease(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.exec("UPDATE workers SET held_since = now() - interval '1 day' WHERE id = $1", c.id)
	if err := c.renewLease(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// leader returns a client that may rescue.
func (b *testBundle) leader() *Client {
	b.t.Helper()
	c := b.client(Config{Lead: true, Lease: time.Minute}, idle)
	b.hold(c)
	return c
}

// lose makes a job run in a worker, whose lease has run out unless it is alone a name.
func (b *testBundle) lose(id int64, worker string) {
	b.t.Helper()
	b.exec(`UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = now() - interval '10 minutes',
		attempted_by = array_append(attempted_by, $2) WHERE id = $1`, id, worker)
}

// rescue calls Rescue.
func (b *testBundle) rescue(c *Client) []Rescued {
	b.t.Helper()
	rescued, err := c.Rescue(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return rescued
}

// crashes returns how many crashes are counted of a job.
func (b *testBundle) crashes(id int64) int {
	b.t.Helper()
	return query[int](b, "SELECT coalesce((metadata->>'crashes')::int, 0) FROM river_job WHERE id = $1", id)
}

// blocked returns a worker function that blocks each tile until it is released, and a channel with the jobs that begin.
func blocked() (w work, began <-chan int64, release func()) {
	released := make(chan struct{})
	jobs := make(chan int64, 100)
	w = func(_ context.Context, job *river.Job[tileArgs]) error {
		jobs <- job.ID
		<-released
		return nil
	}
	return w, jobs, func() { close(released) }
}

// rescueUntil lets a leader rescue as often as it must until a query returns true, and fails if it rescues anything.
func (b *testBundle) rescueUntil(c *Client, what, sql string, args ...any) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		loop.Every(ctx, c.RescueInterval(), func(ctx context.Context) {
			if rescued, _ := c.Rescue(ctx); len(rescued) > 0 {
				b.t.Errorf("Rescue() = %+v, want none: the worker lives", rescued)
			}
		})
	}()
	b.untilTrue(what, sql, args...)
	cancel()
	<-done
}

// renewedFor is a condition: all leases have been renewed in time for so long that a rescue would have judged.
const renewedFor = "SELECT count(*) = 2 AND bool_and(held_since + interval '5 seconds' < renewed_at) FROM workers"

// ranOut is a condition: all leases have run out a number of seconds ago.
const ranOut = "SELECT bool_and(expires_at < now() - make_interval(secs => $1)) FROM workers"

// TestNoRenewals: the database takes no renewals for a while, and everything else works. A worker that lives keeps its
// job, and takes no more until it can renew its lease.
func TestNoRenewals(t *testing.T) {
	b := setup(t)
	leader := b.start(Config{Lead: true, Lease: time.Second}, idle)
	w, began, release := blocked()
	defer release()
	worker := b.start(Config{
		Work:  true,
		Tiles: 1,
		Lease: time.Second,
	}, w)
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	worker.Wake(Tiles)
	receive(t, "attempt", began)

	tx, err := b.store.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE workers IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	b.rescueUntil(leader, "the leases have run out", ranOut, 3)
	second := b.enqueue(leader, Small, 5, 5, 5)
	worker.Wake(Small)
	b.rescueUntil(leader, "the leases have run out", ranOut, 4)
	if got := b.state(second.First); got != "available" || worker.HasLease() {
		t.Errorf("a job is %s, HasLease() = %t without renewals, want available and false", got, worker.HasLease())
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.rescueUntil(leader, "the leases are renewed", renewedFor)
	if got := b.state(group.First); got != "running" || b.crashes(group.First) != 0 {
		t.Errorf("the job is %s, crashes %d, want running and 0", got, b.crashes(group.First))
	}
	if got := receive(t, "attempt", began); got != second.First {
		t.Errorf("the worker began job %d, want %d", got, second.First)
	}
}

// TestSlowDatabase: each response of the database takes 0.7 of a lease. No worker is taken to be lost.
func TestSlowDatabase(t *testing.T) {
	b := setup(t)
	slow, s := b.wired()
	const lease = 4 * time.Second
	leader := b.startOf(s, Config{Lead: true, Lease: lease}, idle)
	w, began, release := blocked()
	defer release()
	b.startOf(s, Config{Work: true, Lease: lease}, w)
	group := b.enqueue(b.client(Config{}, idle), Tiles, 5, 5, 5)
	receive(t, "attempt", began)
	slow.Delay(lease * 7 / 10)
	defer slow.Delay(0)
	b.rescueUntil(leader, "the leases are renewed",
		"SELECT bool_and(renewed_at > $1::timestamptz + interval '16 seconds') FROM workers", time.Now())
	if got := b.state(group.First); got != "running" || b.crashes(group.First) != 0 {
		t.Errorf("the job is %s, crashes %d, want running and 0", got, b.crashes(group.First))
	}
}

// TestShortLeaseOfLeader: a leader with a shorter lease than the workers judges them by theirs.
func TestShortLeaseOfLeader(t *testing.T) {
	b := setup(t)
	leader := b.start(Config{Lead: true, Lease: time.Second}, idle)
	w, began, release := blocked()
	defer release()
	b.start(Config{Work: true, Lease: 16 * time.Second}, w)
	group := b.enqueue(leader, Tiles, 5, 5, 5)
	receive(t, "attempt", began)
	b.rescueUntil(leader, "the worker is silent for three leases of the leader",
		`SELECT max(renewed_at) - min(renewed_at) > interval '3 seconds'
		AND min(held_since) + interval '3 seconds' < max(renewed_at) FROM workers`)
	if got := b.state(group.First); got != "running" {
		t.Errorf("the job is %s, want running", got)
	}
}

package jobs_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
)

// TestShortBehindLarge: real workers begin a short multiplication before the tiles of large ones that came first, and
// work all of them.
func TestShortBehindLarge(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Work: true, Lead: true})
	const k = 1000 // so that a tile costs several times as much as the short multiplication
	large := b.submit(c, fourM, k, fourN)
	for range 2 {
		b.submit(c, fourM, k, fourN)
	}
	short := b.submit(c, 400, 400, 400)
	const owners = `SELECT count(*) FROM line_places p JOIN multiplications m ON m.id = p.multiplication_id
		WHERE p.tenant_id = m.tenant_id`
	if n := b.count(owners); n != 4 {
		t.Errorf("%d of 4 multiplications stand in the line of their tenant", n)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(short, jobs.Completed)
	const before = `SELECT count(*) FROM river_job WHERE kind = 'multiply_tile'
		AND attempted_at < (SELECT attempted_at FROM river_job WHERE tags[1] = $1)`
	if n := b.count(before, short.String()); n > 2 {
		t.Errorf("%d tiles began before it, want at most two", n)
	}
	b.ends(large, jobs.Completed)
	b.untilCount(0, "SELECT count(*) FROM line_places")
}

// TestSmallDoesNotWaitForAll: one small multiplication does not wait for thousands of another tenant, in one request or
// many, and those wait for each other.
func TestSmallDoesNotWaitForAll(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{Lead: true})
	b.exec("INSERT INTO tenants (id, name) VALUES (7, 'other')")
	accept := func(tenant identity.TenantID, n int) uuid.UUID {
		t.Helper()
		all := make([]queue.Offer, n)
		for i := range all {
			all[i] = b.offer(c, 1, 1, 1, 2)
			all[i].TenantID = tenant
		}
		return b.accept(c, all...)[0]
	}
	accept(identity.DefaultTenant, 3000)
	// They have come one after the other, in a minute.
	b.exec(`UPDATE river_job j SET scheduled_at = now() - (20 - x.n) * interval '4 seconds'
		FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM river_job) AS x WHERE x.id = j.id`)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(waitTimeout); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := c.Queue().Line().Small(jobs.DefaultPriority); ok {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("the line is not read")
		}
	}
	const before = `SELECT count(*) FROM river_job j, inline_pending p JOIN river_job own ON own.id = p.job
		WHERE p.id = $1 AND j.state = 'available' AND (j.scheduled_at, j.id) < (own.scheduled_at, own.id)`
	if n := b.count(before, accept(7, 1)); n > 1 {
		t.Errorf("%d bundles of the other tenant are before a single one, want none but the first", n)
	}
	waiting := b.count("SELECT count(*) FROM river_job")
	if n := b.count(before, accept(identity.DefaultTenant, 100)); n < waiting-1 {
		t.Errorf("%d of %d bundles are before one more of the tenant that has queued them, want all", n, waiting)
	}
}

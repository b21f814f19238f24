package jobs_test

import (
	"testing"

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

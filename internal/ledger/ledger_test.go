package ledger_test

import (
	"testing"
	"time"
)

// fault breaks something, for a bounded time, and mends it.
type fault struct {
	name string
	f    func(d *deployment, b *book)
}

// TestLedger: whatever happens to the database and the workers, each accepted multiplication is completed once, with
// the right values, within a lease and ten seconds of the end of the fault.
func TestLedger(t *testing.T) {
	d := deploy(t)
	b := newBook()
	for _, fault := range []fault{
		{"backends are killed", func(d *deployment, _ *book) { repeat(d, scale(2, 15), (*cluster).killBackend) }},
		{"all of Postgres is killed", func(d *deployment, _ *book) { repeat(d, scale(1, 5), (*cluster).killPostmaster) }},
		{"connections fall silent", silence},
		{"responses are not heard", deafness},
		{"statements take three seconds", slowness},
		{"no lease can be renewed", lockedLeases},
		{"a worker is frozen in a transaction", frozenWorker},
		{"the database is read-only", readOnly},
		{"an API is killed between commit and response", killedAPI},
		{"workers are killed in a bundle", killedBundle},
		{"a tile kills its workers", poison},
	} {
		t.Run(fault.name, func(t *testing.T) {
			d.during(t)
			l := d.beginLoad(b)
			defer l.end(0)
			accepted := b.count()
			until(t, "the load runs", func() bool { return b.count() > accepted+20 })
			fault.f(d, b)
			took := l.end(scale(waitTimeout, lease+10*time.Second))
			sum := b.audit(t, d.cluster)
			t.Logf("so far %d accepted, %d of them inline, %d checked, %d refused; %d tiles, %d attempts, %d with an error, %d crashes; "+
				"all ended %s after the fault", sum.accepted, sum.inline, b.checked.Load(), b.refusals(), sum.tiles, sum.attempts,
				sum.failed, sum.crashes, took.Round(10*time.Millisecond))
			t.Logf("so far %d jobs reclaimed, %d rescued; %d leases ran out; %d attempts postponed",
				d.logged("reclaimed a job whose fetch was lost"), d.logged("rescued a job from a lost worker"),
				d.logged("the lease had run out"), d.logged("is postponed until the database"))
		})
	}
}

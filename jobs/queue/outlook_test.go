package queue

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
)

// slotsOfFleet says how many tiles are worked at once.
const slotsOfFleet = `INSERT INTO workers (id, renewed_at, expires_at, tile_slots)
	VALUES ('fleet', now(), now() + interval '1 hour', $1)`

// TestOutlook: what is told of the start of the next tile and of the end of a multiplication is true within a factor of
// 1.5, but for the time of a tile that runs already, whatever else stands in line.
func TestOutlook(t *testing.T) {
	const (
		slots   = 4
		longest = 2.0 // tile, in seconds
	)
	f := newFleet(setup(t), slots)
	f.exec(slotsOfFleet, slots)
	var all []string
	for i := range 3 {
		tenant := f.tenant(string(rune('a'+i)), float64(1+i))
		for j := range 3 {
			all = append(all, f.submit(Order{Tenant: tenant, Cost: 1 + float64(j)/2}, int64(6+7*j+i)))
		}
	}
	f.work(5.1, 0.1, func() {})
	late := f.tenant("late", 1)
	all = append(all, f.submit(Order{Tenant: late, Cost: 0.2}, 1), f.submit(Order{Tenant: late, Cost: 1}, 9))
	type told struct{ start, end float64 }
	outlooks := map[string]told{}
	f.keep() // or what is told is of the time of the last look
	asked := f.now
	for _, id := range all {
		o, ok := f.client.Line().Estimate(t.Context(), uuid.MustParse(id))
		if !ok || o.End.IsZero() {
			continue // it has ended
		}
		outlooks[id] = told{start: time.Until(o.Start).Seconds(), end: time.Until(o.End).Seconds()}
	}
	if len(outlooks) < len(all)-1 {
		t.Fatalf("got the outlook of %d, want of about %d", len(outlooks), len(all))
	}
	before := len(f.order)
	f.work(120, 0.1, func() {})
	for id, o := range outlooks {
		cost := f.costs[id]
		start, end := -1.0, 0.0
		for i, began := range f.order {
			if began != id {
				continue
			}
			if i >= before && start < 0 {
				start = f.began[i] - asked
			}
			end = max(end, f.began[i]+cost-asked)
		}
		near := func(told, is float64) bool { // but for what a tile that runs has left
			return told <= 1.5*is+longest && is <= 1.5*told+longest
		}
		if !near(o.end, end) || start >= 0 && !near(o.start, start) {
			t.Errorf("of tiles of %v s: told %.1f s until the next and %.1f s until the end, it is %.1f s and %.1f s",
				cost, o.start, o.end, start, end)
		}
	}
}

// TestBacklog: the time after which a tenant is told to submit again, when it has too much in line, is true within 20
// %: whether it is alone or with others, and with weights.
func TestBacklog(t *testing.T) {
	const (
		slots = 4
		limit = 20 * time.Second
	)
	f := newFleet(setup(t), slots)
	f.exec(slotsOfFleet, slots)
	tenants := []identity.TenantID{f.tenant("a", 1), f.tenant("b", 2), f.tenant("c", 1)}
	for i, tenant := range tenants {
		for range 2 {
			f.submit(Order{Tenant: tenant, Cost: 1}, int64(40+30*i))
		}
	}
	f.keep()
	type promise struct{ after, is float64 }
	promises := map[identity.TenantID]*promise{}
	for _, tenant := range tenants {
		promises[tenant] = &promise{after: (f.client.Line().Backlog(tenant) - limit).Seconds()}
	}
	f.work(120, 0.5, func() {
		for tenant, p := range promises {
			if p.is == 0 && f.client.Line().Backlog(tenant) <= limit {
				p.is = f.now
			}
		}
	})
	for tenant, p := range promises {
		if p.after < 10 || p.is > 1.2*p.after || p.is < 0.8*p.after {
			t.Errorf("tenant %d is told to come again after %.1f s, and is accepted after %.1f s, want the same within 20 %%",
				tenant, p.after, p.is)
		}
	}
	if got := f.client.Line().Backlog(f.tenant("idle", 1)); got > time.Second {
		t.Errorf("one that has nothing in line has a backlog of %s, want none", got)
	}
}

package line

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
)

// Fleet is what works on the line.
type Fleet struct {
	Slots float64 // for tiles
	Pace  float64 // how many seconds a tile takes for each that it is taken to cost
}

// seconds returns how long the fleet takes for work, in seconds of a core.
func (f Fleet) seconds(work float64) time.Duration {
	return time.Duration(min(work*f.Pace/f.Slots, maxOutlook) * float64(time.Second))
}

// maxOutlook is the longest time that is foretold, in seconds: a year.
const maxOutlook = 365 * 24 * 3600

// Outlook is what is before a multiplication, as far as can be told: others may come.
type Outlook struct {
	Ahead int64         // tiles that begin before its next one
	Start time.Duration // until its next tile begins
	End   time.Duration // until it is completed
}

// Work returns what stands in line and runs, in seconds of a core.
func (l *Line) Work() float64 {
	work := 0.0
	for _, f := range l.Flows {
		work += f.rest()
	}
	return work
}

// rest returns what is left of a multiplication. A tile that runs is half done.
func (f Flow) rest() float64 { return (float64(f.Waiting) + float64(f.Running)/2) * f.Cost }

// Outlook returns the outlook of a multiplication. It reports false if that does not stand in line.
func (l *Line) Outlook(id uuid.UUID, fleet Fleet) (Outlook, bool) {
	at := slices.IndexFunc(l.Flows, func(f Flow) bool { return f.ID == id })
	if at < 0 {
		return Outlook{}, false
	}
	own := l.Flows[at]
	var o Outlook
	var ahead, running, runs float64
	for i, f := range l.Flows {
		running += float64(f.Running)
		runs += float64(f.Running) * f.Cost
		if i == at || own.Waiting == 0 {
			continue
		}
		n := f.before(own)
		o.Ahead += n
		ahead += float64(n) * f.Cost
	}
	if fleet.Slots <= 0 {
		return o, true
	}
	if own.Waiting > 0 {
		o.Start = fleet.seconds(ahead)
		if running >= fleet.Slots { // until a slot is free
			o.Start += fleet.seconds(runs / running * fleet.Slots / (fleet.Slots + 1))
		}
	}
	tile := own.Cost * fleet.Slots
	rounds := math.Ceil(float64(own.Waiting) / fleet.Slots)
	if own.Waiting == 0 {
		rounds = 0.5
	}
	o.End = o.Start + fleet.seconds(tile*rounds)
	if own.Waiting > 1 {
		o.End = max(o.End, fleet.seconds(l.ends()[id]+tile/2))
	}
	return o, true
}

// before returns how many tiles of a multiplication begin before the next one of another.
func (f Flow) before(other Flow) int64 {
	switch {
	case f.Priority > other.Priority:
		return 0
	case f.Priority < other.Priority, f.Step <= 0:
		return f.Waiting
	}
	distance := other.first() - f.first()
	if distance <= 0 {
		return 0
	}
	return min(f.Waiting, int64(math.Ceil(distance/f.Step)))
}

// first returns the place of the first tile that waits, in virtual seconds.
func (f Flow) first() float64 {
	return virtual(f.Last) - float64(f.Waiting-f.Unqueued-1)*f.Step
}

// virtual returns a place in virtual seconds. Places are further apart than a time.Duration can tell.
func virtual(place time.Time) float64 {
	return 10 * (float64(place.Unix()-epoch) + float64(place.Nanosecond())/1e9)
}

// epoch is the year 1000, in seconds.
var epoch = time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// ends returns when each multiplication ends, in seconds of a core that all take until then: as if tiles could be cut
// at will, tenants get what their weights say of it, and their multiplications what their shares say of that.
func (l *Line) ends() map[uuid.UUID]float64 {
	l.once.Do(func() {
		l.end = make(map[uuid.UUID]float64, len(l.Flows))
		now := 0.0
		flows := slices.SortedStableFunc(slices.Values(l.Flows), func(x, y Flow) int {
			return cmp.Or(x.Priority-y.Priority, int(x.Tenant-y.Tenant), cmp.Compare(x.rest()/x.Share, y.rest()/y.Share))
		})
		for len(flows) > 0 {
			n := slices.IndexFunc(flows, func(f Flow) bool { return f.Priority != flows[0].Priority })
			if n < 0 {
				n = len(flows)
			}
			now = drain(flows[:n], now, l.end)
			flows = flows[n:]
		}
	})
	return l.end
}

// sums is what Backlog needs to know of a line: it is called for each submission.
type sums struct {
	total   float64 // all work in line
	weights float64 // of the tenants that have some
	tenants map[identity.TenantID]end
}

// end is when all is done that a tenant has in line, and its weight.
type end struct{ at, weight float64 }

// sum sums up the line, once.
func (l *Line) sum() *sums {
	l.summed.Do(func() {
		s := &sums{tenants: map[identity.TenantID]end{}}
		ends := l.ends()
		for _, f := range l.Flows {
			s.total += f.rest()
			known, ok := s.tenants[f.Tenant]
			if !ok {
				s.weights += f.Weight
			}
			s.tenants[f.Tenant] = end{at: max(known.at, ends[f.ID]), weight: f.Weight}
		}
		l.sums = s
	})
	return l.sums
}

// Backlog returns how much work is done until all is that a tenant has in line, in seconds of a core, with some that is
// not in line yet.
func (l *Line) Backlog(t identity.TenantID, added float64) float64 {
	s := l.sum()
	total := s.total + added
	own := s.tenants[t]
	if added > 0 {
		weights := s.weights
		if own.weight == 0 { // it has nothing in line yet: a weight like those of others
			own.weight = weights / max(1, float64(len(s.tenants)))
			weights += own.weight
		}
		if own.weight > 0 {
			added *= weights / own.weight
		}
	}
	return min(total, own.at+added)
}

// stream is what a tenant has in line.
type stream struct {
	flows  []Flow // that have not ended, the next to end first
	shares float64
	done   float64 // of a share of 1
}

// drain lets multiplications of a priority end, which are sorted by tenant and by how much of a share each takes.
func drain(flows []Flow, now float64, end map[uuid.UUID]float64) float64 {
	streams := map[identity.TenantID]*stream{}
	weights := 0.0
	for _, f := range flows {
		s := streams[f.Tenant]
		if s == nil {
			s = &stream{}
			streams[f.Tenant] = s
			weights += f.Weight
		}
		s.flows = append(s.flows, f)
		s.shares += f.Share
	}
	for len(streams) > 0 {
		var next identity.TenantID
		first := math.Inf(1)
		for t, s := range streams {
			f := s.flows[0]
			if in := max(0, f.rest()/f.Share-s.done) * s.shares * weights / f.Weight; in < first {
				next, first = t, in
			}
		}
		for _, s := range streams {
			s.done += first * s.flows[0].Weight / weights / s.shares
		}
		now += first
		s := streams[next]
		f := s.flows[0]
		end[f.ID] = now
		s.flows = s.flows[1:]
		if s.shares -= f.Share; len(s.flows) == 0 {
			delete(streams, next)
			weights -= f.Weight
		}
	}
	return now
}

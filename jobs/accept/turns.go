package accept

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs/queue/line"
)

// placer takes those offers of a priority out of a group that have places before the end of the line, and returns them
// by how many seconds before now these are.
type placer func(priority int16, group *[]*offer) iter.Seq2[float64, []*offer]

// turns gives the multiplications of tenants that have little in queue small places before those of others that have
// much: a client that queues many waits for them, and others do not.
//
// It is start-time fair queueing, in the time since when bundles wait: those in line stand between the first one, which
// is worked next, and now. A tenant whose part of the workers is p gets places as far apart as if it had p of what is
// in line; the first one that of the head. One that submits more than its part has soon places at the end. Each process
// knows what it has accepted itself.
type turns struct {
	mu   sync.Mutex
	last map[flow]time.Time // the end of the tenant's last place, by the clock of this process
}

// flow is what a tenant submits with a priority.
type flow struct {
	tenant   identity.TenantID
	priority int16
}

// steps is into how many parts the line is divided: bundles may have multiplications of several tenants.
const steps = 8

// in returns the placer for a line.
func (s *turns) in(l *line.Keeper) placer {
	return func(priority int16, group *[]*offer) iter.Seq2[float64, []*offer] {
		small, ok := l.Small(priority)
		if !ok {
			s.note(priority, *group, time.Now())
			return func(func(float64, []*offer) bool) {}
		}
		return maps.All(s.place(priority, group, small, l.Weight, time.Now()))
	}
}

// maxFlows is of how many flows the last places are remembered while the line is short.
const maxFlows = 10_000

// note remembers offers that stand at the end of a short line: those of the same tenants that follow, when it has
// become long, are not to pass them.
func (s *turns) note(priority int16, group []*offer, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || len(s.last) > maxFlows {
		s.last = map[flow]time.Time{}
	}
	noted := flow{}
	for _, o := range group {
		if f := (flow{tenant: o.TenantID, priority: priority}); f != noted {
			s.last[f] = now
			noted = f
		}
	}
}

// place takes offers out of a group that do not stand at the end of the line.
func (s *turns) place(
	priority int16, group *[]*offer, small line.Small, weight func(identity.TenantID) float64, now time.Time,
) map[float64][]*offer {
	counts := map[identity.TenantID]float64{}
	for _, o := range *group {
		counts[o.TenantID]++
	}
	begins := s.begin(priority, counts, small, weight, now)
	early := map[float64][]*offer{}
	wait := now.Sub(small.Head)
	*group = slices.DeleteFunc(*group, func(o *offer) bool {
		step := int(steps * begins[o.TenantID].Sub(small.Head) / max(1, wait))
		if step >= steps-1 {
			return false
		}
		ahead := wait.Seconds() * float64(steps-step) / steps
		early[ahead] = append(early[ahead], o)
		return true
	})
	return early
}

// begin returns where the places of tenants begin that submit so many multiplications.
func (s *turns) begin(
	priority int16, counts map[identity.TenantID]float64, small line.Small, weight func(identity.TenantID) float64,
	now time.Time,
) map[identity.TenantID]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[flow]time.Time{}
	}
	weights := 0.0
	for f, last := range s.last {
		if f.priority != priority {
			continue
		}
		if last.Before(small.Head) { // it waits for nothing
			delete(s.last, f)
		} else if counts[f.tenant] == 0 {
			weights += weight(f.tenant)
		}
	}
	for t := range counts {
		weights += weight(t)
	}
	begins := make(map[identity.TenantID]time.Time, len(counts))
	for t, n := range counts {
		f := flow{tenant: t, priority: priority}
		begins[t] = small.Head
		if last := s.last[f]; last.After(small.Head) {
			begins[t] = last
		}
		part := n / max(1, float64(small.Depth)) * weights / weight(t)
		end := begins[t].Add(time.Duration(min(1, part) * float64(now.Sub(small.Head))))
		if end.After(now) {
			end = now
		}
		s.last[f] = end
	}
	return begins
}

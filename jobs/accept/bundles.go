package accept

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/tracing"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store/inline"
)

const (
	// maxBundle, maxBundleFLOPs and maxBundleBytes bound what one job computes: to about 10 ms.
	maxBundle      = 256
	maxBundleFLOPs = 1e8
	maxBundleBytes = 4 << 20
	// openTime is for how long multiplications are added to a bundle that waits. It bounds the range of ids in which those
	// of a bundle are, and so how many others are read with them.
	openTime = 50 * time.Millisecond
	// maxOrigins is how many submissions the trace of a bundle leads to: the first ones that are recorded.
	maxOrigins = 8
	// priorities is how many there are; the first is 1.
	priorities = 4
)

// bundles cuts what is accepted into bundles, and remembers the last one of each priority: those that come while it
// waits for a worker are added to it, so that there are few jobs when there is much to do.
type bundles struct {
	mu   sync.Mutex
	open [priorities + 1]bundle
}

// bundle is one to which multiplications may be added.
type bundle struct {
	queue.Bundle
	count int
	flops float64
	bytes int
}

// full reports whether nothing may be added.
func (b *bundle) full() bool {
	return b.count >= maxBundle || b.flops >= maxBundleFLOPs || b.bytes >= maxBundleBytes
}

// covers reports whether an id is in the range of the bundle.
func (b *bundle) covers(id uuid.UUID) bool {
	return !inline.Less(id, b.First) && !inline.Less(b.Last, id)
}

func (b *bundle) add(o *offer) {
	b.count++
	b.flops += matrix.FLOPs(o.M, o.K, o.N)
	b.bytes += o.weight
	if inline.Less(b.Last, o.ID) {
		b.Last = o.ID
	}
}

// newBundle returns a bundle that begins with an offer.
func newBundle(o *offer) bundle {
	t := inline.Time(o.ID)
	return bundle{Bundle: queue.Bundle{
		First: o.ID,
		Last:  inline.FirstID(t.Add(openTime)),
	}}
}

// urgency returns the priority of the bundle that a multiplication is to be in.
func urgency(o queue.Offer) int16 { return cmp.Or(o.Urgency, o.Priority) }

// tails are the last bundles of a cut, one of each priority.
type tails [priorities + 1]struct {
	bundle
	offer uuid.UUID // is in it
}

// cut cuts a group into bundles, each of one priority and of bounded work. The first id of a new one is the smallest.
// A bundle is open to other groups only once it has a job: note tells it. Those that have places before the end of the
// line are in bundles of their own, to which nothing is added.
func (s *bundles) cut(group []*offer, places placer) (queue.Acceptance, tails) {
	group = slices.SortedFunc(slices.Values(group), func(x, y *offer) int { return bytes.Compare(x.ID[:], y.ID[:]) })
	s.mu.Lock()
	defer s.mu.Unlock()
	var a queue.Acceptance
	var last tails
	var of []*offer
	for priority := int16(1); priority <= priorities; priority++ {
		of = of[:0]
		for _, o := range group {
			if urgency(o.Offer) == priority {
				of = append(of, o)
			}
		}
		if len(of) == 0 {
			continue
		}
		for ahead, early := range places(priority, &of) {
			cutInto(&a, bundle{}, early, ahead)
		}
		if len(of) == 0 {
			continue
		}
		current := cutInto(&a, s.open[priority], of, 0)
		last[priority].bundle, last[priority].offer = current, of[len(of)-1].ID
		if current.Job != 0 {
			s.open[priority] = current
		}
	}
	return a, last
}

// cutInto adds offers to a bundle, and to others that follow it. It returns the last one.
func cutInto(a *queue.Acceptance, current bundle, group []*offer, ahead float64) bundle {
	var offers []queue.Offer
	var origins []string
	flush := func() {
		if len(offers) > 0 {
			if len(origins) > 0 {
				a.Origins = append(a.Origins, make([]string, len(a.Bundles)-len(a.Origins))...)
				a.Origins = append(a.Origins, tracing.Join(origins))
				origins = nil
			}
			a.Offers = append(a.Offers, offers)
			a.Bundles = append(a.Bundles, current.Bundle)
			a.Ahead = append(a.Ahead, ahead)
			offers = nil
		}
	}
	for _, o := range group {
		// A new bundle takes each id that follows: its range is not known to a worker yet.
		if current.full() || current.count == 0 || current.Job != 0 && !current.covers(o.ID) {
			flush()
			current = newBundle(o)
		}
		current.add(o)
		offers = append(offers, o.Offer)
		if len(origins) < maxOrigins {
			if origin := tracing.Origin(o.given); origin != "" {
				origins = append(origins, origin)
			}
		}
	}
	flush()
	return current
}

// note remembers the jobs that the last bundles of a cut have got.
func (s *bundles) note(last tails, jobs map[uuid.UUID]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for priority, tail := range last {
		open, job := &s.open[priority], jobs[tail.offer]
		switch {
		case tail.count == 0:
		case tail.Job == 0 && job != 0:
			*open = tail.bundle
			open.Job = job
		case tail.Job == open.Job && tail.Job != job: // it was not accepted, or a worker has taken the one before
			*open = bundle{}
		}
	}
}

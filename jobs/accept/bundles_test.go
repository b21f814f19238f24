package accept

import (
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store/inline"
)

// nothingEarly is a placer of a line that is short.
func nothingEarly(int16, *[]*offer) iter.Seq2[float64, []*offer] {
	return func(func(float64, []*offer) bool) {}
}

// TestBundlesCover: whatever transactions are under way, fail or come late, each multiplication is in the range of ids in
// which the job of its bundle looks for it.
func TestBundlesCover(t *testing.T) {
	t.Parallel()
	const seeds, groups, largest = 200, 20, 6
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 0))
		ids := make([]uuid.UUID, groups*largest)
		for i := range ids {
			ids[i] = inline.NewID()
		}
		random.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		var s bundles
		var underWay []func()
		ranges := map[int64]queue.Bundle{} // of jobs
		var jobsMade int64
		for len(ids) > 0 {
			n := min(len(ids), 1+random.IntN(largest))
			a, last := s.cut(offersOf(ids[:n]), nothingEarly)
			ids = ids[n:]
			underWay = append(underWay, func() {
				if random.IntN(3) == 0 { // it fails
					return
				}
				jobs := map[uuid.UUID]int64{}
				for i, b := range a.Bundles {
					job := b.Job
					if job == 0 || random.IntN(3) == 0 { // a worker has taken it
						jobsMade++
						job = jobsMade
						ranges[job] = b
					}
					for _, o := range a.Offers[i] {
						jobs[o.ID] = job
						if r := ranges[job]; inline.Less(o.ID, r.First) || inline.Less(r.Last, o.ID) {
							t.Fatalf("seed %d: %s is in a job of %s to %s", seed, o.ID, r.First, r.Last)
						}
					}
				}
				s.note(last, jobs)
			})
			if len(underWay) > random.IntN(4) {
				underWay[0]()
				underWay = underWay[1:]
			}
		}
	}
}

func offersOf(ids []uuid.UUID) []*offer {
	group := make([]*offer, len(ids))
	for i, id := range ids {
		group[i] = &offer{Offer: queue.Offer{Multiplication: inline.Multiplication{
			ID:       id,
			M:        1,
			K:        1,
			N:        1,
			Priority: 1,
		}}}
	}
	return group
}

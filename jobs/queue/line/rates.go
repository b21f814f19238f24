package line

import (
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs/queue/internal/db"
)

// Rates are what the keeper is told of how fast work is done.
type Rates struct {
	At    time.Time
	Pace  float64 // how many seconds tiles took lately for each that they are taken to cost
	Small SmallRate
	Depth int64 // of queue small
}

// SmallRate is how many jobs of queue small are worked in a second.
type SmallRate struct {
	OfSlot float64
	OfAll  float64 // of all slots together, if that is known; else 0
}

// wait returns how long what is in queue small takes.
func (r Rates) wait(slots float64) time.Duration {
	rate := r.Small.OfAll
	if rate == 0 {
		rate = r.Small.OfSlot * max(1, slots)
	}
	return time.Duration(min(float64(r.Depth)/max(rate, 1e-9), maxOutlook) * float64(time.Second))
}

const (
	// crowded is a depth of queue small at which its workers have been busy for the last bundles.
	crowded = 5000

	// assumedInBundle is what a bundle takes longer for each multiplication, in seconds, while no large one was computed.
	assumedInBundle = 50e-6
)

// bundles are some jobs of queue small.
type bundles struct{ jobs, multiplications, seconds, busy float64 }

func (b bundles) size() float64 { return max(1, b.multiplications/max(1, b.jobs)) }

// NewSmallRate returns the rate of a queue of small jobs: that of a slot, or, if many jobs wait, that which all slots
// had in the last bundles, when they shared CPUs and the database. If those that wait are much larger than those that
// were computed, after a quiet time, it is that of a slot, and a multiplication more in a bundle costs next to nothing.
func NewSmallRate(queue string, depth int64, perJob float64, samples []db.SampleJobsRow) SmallRate {
	var done, next, most bundles
	for _, s := range samples {
		if s.Queue != queue {
			continue
		}
		sum := &next
		if s.Finished {
			sum = &done
		}
		sum.jobs += float64(s.Bundles)
		sum.multiplications += float64(s.Jobs)
		sum.seconds += s.Seconds
		if s.Finished && s.Busy > most.busy {
			most = bundles{multiplications: float64(s.Jobs), busy: s.Busy}
		}
	}
	if size := next.size(); size > 2*done.size() {
		first := perJob
		if done.jobs > 0 {
			first = done.seconds / done.jobs
		}
		return SmallRate{OfSlot: size / max(first+(size-done.size())*assumedInBundle, 1e-9)}
	}
	r := SmallRate{OfSlot: 1 / max(perJob, 1e-9)}
	if depth >= crowded && most.busy > 0 {
		r.OfAll = most.multiplications / most.busy
	}
	return r
}

// Pace returns how many seconds the jobs of a queue took that were completed lately, for each that they were taken to
// cost. The costs are the floating-point operations of a tile of each multiplication.
func Pace(queue string, samples []db.SampleJobsRow, costs map[uuid.UUID]float64) float64 {
	var took, cost float64
	for _, s := range samples {
		if flops, exists := costs[s.GroupID]; exists && s.Finished && s.Queue == queue {
			took += s.Seconds
			cost += float64(s.Jobs) * Cost(flops)
		}
	}
	if took == 0 {
		return 1
	}
	return took / cost
}

// SmallDepth returns how many multiplications wait in queue small or are computed. Of the inline ones no more than max
// were counted: if there are more, as many are taken to be in each bundle as in those.
func SmallDepth(depth int64, bundles float64, inline []db.CountInlineRow, max int64) int64 {
	var waiting, jobs int64
	for _, row := range inline {
		waiting += row.Waiting
		jobs += row.Jobs
	}
	if waiting < max || jobs == 0 {
		return depth
	}
	return int64(bundles * float64(waiting) / float64(jobs))
}

package scaling

import (
	"math"
	"slices"
	"time"
)

// Figures sum up a replay.
type Figures struct {
	Requests   int
	Jobs       int
	Count      [queues]int       // of jobs, by queue
	Most       int               // largest number of workers that took jobs at the same time
	Reached    time.Duration     // from the first request until Most was reached
	Drained    time.Duration     // from the first request until the last was finished
	Wait       [queues]Quantiles // of jobs, from their arrival to their first start
	PodTime    time.Duration     // the lifetimes of all pods together
	Busy       float64           // fraction of the time of their cores that was spent on finished jobs
	Changes    int               // of the number of replicas
	HandedBack int               // jobs that a stopping worker did not finish
}

// Quantiles of times, by the nearest rank.
type Quantiles struct{ P50, P95, Max time.Duration }

// Figures sums up a replay.
func (r *Result) Figures() Figures {
	f := Figures{Requests: len(r.requests), HandedBack: r.handedBack}
	first := r.requests[0].arrived
	for _, q := range r.requests {
		f.Jobs += q.kind.Jobs
		f.Count[q.kind.Queue] += q.kind.Jobs
		f.Drained = max(f.Drained, q.finished-first)
	}
	for q := range queues {
		f.Wait[q] = quantiles(r.waits[q])
	}
	for i, p := range r.Points {
		if p.Running > f.Most {
			f.Most, f.Reached = p.Running, max(0, p.At-first)
		}
		if i > 0 && p.Asked != r.Points[i-1].Asked {
			f.Changes++
		}
		f.PodTime += time.Duration(p.Existing) * pointEvery
	}
	f.Busy = r.work.Seconds() / (f.PodTime.Seconds() * float64(r.cores))
	return f
}

// Durations returns the number of requests that are urgent, or of those that are not, and the times from their
// arrival to their end.
func (r *Result) Durations(urgent bool) (count int, times Quantiles) {
	var durations []time.Duration
	for _, q := range r.requests {
		if q.kind.Urgent == urgent {
			durations = append(durations, q.finished-q.arrived)
		}
	}
	return len(durations), quantiles(durations)
}

func quantiles(times []time.Duration) Quantiles {
	sorted := slices.Sorted(slices.Values(times))
	at := func(q float64) time.Duration {
		if len(sorted) == 0 {
			return 0
		}
		return sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
	}
	return Quantiles{
		P50: at(0.5),
		P95: at(0.95),
		Max: at(1),
	}
}

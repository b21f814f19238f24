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
	Most       int               // workers that took jobs at a time
	Reached    time.Duration     // from the first request until as many did
	Drained    time.Duration     // from the first request until all were done
	Wait       [queues]Quantiles // of jobs, until they were started for the first time
	PodTime    time.Duration     // of all pods together
	Busy       float64           // the part of their cores' time that went into finished jobs
	Changes    int               // of the number of replicas
	HandedBack int
}

// Quantiles of times, by the nearest rank.
type Quantiles struct{ P50, P95, Max time.Duration }

// Figures sums up.
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

// Answers returns how long requests took until they were done.
func (r *Result) Answers(urgent bool) (count int, times Quantiles) {
	var answers []time.Duration
	for _, q := range r.requests {
		if q.kind.Urgent == urgent {
			answers = append(answers, q.finished-q.arrived)
		}
	}
	return len(answers), quantiles(answers)
}

func quantiles(times []time.Duration) Quantiles {
	sorted := slices.Sorted(slices.Values(times))
	at := func(q float64) time.Duration {
		if len(sorted) == 0 {
			return 0
		}
		return sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
	}
	return Quantiles{at(0.5), at(0.95), at(1)}
}

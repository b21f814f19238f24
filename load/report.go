package load

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"
)

// Report summarizes a run.
type Report struct {
	Requests  int            `json:"requests"`
	Accepted  int            `json:"accepted"`
	Completed int            `json:"completed"`
	Errors    map[string]int `json:"errors"`  // number of requests by the text of their error
	Seconds   float64        `json:"seconds"` // from when the first request was due to the last completion
	Rate      float64        `json:"completed_per_second"`
	Accept    Percentiles    `json:"accept_ms"`   // from due to accepted
	Complete  Percentiles    `json:"complete_ms"` // from due to completed
}

// Percentiles are percentiles of latencies, in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// NewReport summarizes samples, which must be in the order in which they were due.
func NewReport(samples []Sample) Report {
	r := Report{Requests: len(samples), Errors: map[string]int{}}
	var accept, complete []time.Duration
	var last time.Duration
	for _, s := range samples {
		if s.Accepted > 0 {
			accept = append(accept, s.Accepted-s.Due)
		}
		if s.Completed > 0 {
			complete = append(complete, s.Completed-s.Due)
			last = max(last, s.Completed)
		}
		if s.Err != nil {
			r.Errors[s.Err.Error()]++
		}
	}
	r.Accepted = len(accept)
	r.Completed = len(complete)
	if last > 0 {
		r.Seconds = (last - samples[0].Due).Seconds()
		r.Rate = float64(r.Completed) / r.Seconds
	}
	r.Accept = percentiles(accept)
	r.Complete = percentiles(complete)
	return r
}

func percentiles(latencies []time.Duration) Percentiles {
	slices.Sort(latencies)
	return Percentiles{
		P50: percentile(latencies, 0.5),
		P90: percentile(latencies, 0.9),
		P99: percentile(latencies, 0.99),
		Max: percentile(latencies, 1),
	}
}

// percentile returns the q-quantile of sorted latencies by nearest rank, in milliseconds: the smallest latency that
// is not exceeded by a fraction q of them. It returns 0 if there are none.
func percentile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := max(1, int(math.Ceil(q*float64(len(sorted)))))
	return float64(sorted[rank-1].Microseconds()) / 1000
}

// Print writes the report as text.
func (r Report) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `requests   %8d
accepted   %8d
completed  %8d   %.1f/s, the last after %.1f s
                   p50        p90        p99        max
to accepted  %s
to completed %s
`, r.Requests, r.Accepted, r.Completed, r.Rate, r.Seconds, r.Accept, r.Complete)
	for _, message := range slices.Sorted(maps.Keys(r.Errors)) {
		if err == nil {
			_, err = fmt.Fprintf(w, "failed     %8d   %s\n", r.Errors[message], message)
		}
	}
	return err
}

// String is a row of Print's table.
func (p Percentiles) String() string {
	return fmt.Sprintf("%7.1f ms %7.1f ms %7.1f ms %7.1f ms", p.P50, p.P90, p.P99, p.Max)
}

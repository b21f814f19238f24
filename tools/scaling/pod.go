package scaling

import (
	"slices"
	"time"
)

// pod is a worker.
type pod struct {
	number   int
	created  time.Duration
	started  time.Duration
	running  bool // whether the worker has started; it takes jobs unless it is draining
	draining bool
	jobs     [queues][]*job

	load     float64 // cores in use
	used     float64 // core-seconds up to measured
	measured time.Duration
	sample   *Sample
	scraped  struct { // the last scrape of the metrics server
		at   time.Duration
		used float64
		ok   bool
	}
}

// measure updates used to a time.
func (p *pod) measure(now time.Duration) {
	p.used += p.load * (now - p.measured).Seconds()
	p.measured = now
}

// scrape is the metrics server: the usage that it reports for a pod is the mean between its last two scrapes.
func (p *pod) scrape(now time.Duration) {
	p.measure(now)
	if last := p.scraped; last.ok {
		window := now - last.at
		p.sample = &Sample{
			At:     now,
			Window: window,
			Usage:  int64(1000 * (p.used - last.used) / window.Seconds()),
		}
	}
	p.scraped.at = now
	p.scraped.used = p.used
	p.scraped.ok = true
}

// begin adds a job that ends at a time.
func (p *pod) begin(j *job, now, end time.Duration) {
	p.measure(now)
	j.load = j.cpu.Seconds() / (end - now).Seconds()
	p.load += j.load
	p.jobs[j.request.kind.Queue] = append(p.jobs[j.request.kind.Queue], j)
}

// end removes a job, finished or not.
func (p *pod) end(j *job, now time.Duration) {
	p.measure(now)
	p.load -= j.load
	running := &p.jobs[j.request.kind.Queue]
	*running = slices.DeleteFunc(*running, func(other *job) bool { return other == j })
}

func (p *pod) has(j *job) bool { return slices.Contains(p.jobs[j.request.kind.Queue], j) }

func (p *pod) idle() bool { return len(p.jobs[small])+len(p.jobs[tiles]) == 0 }

// seen returns the pod as the HPA controller sees it. A worker is ready as soon as it runs.
func (p *pod) seen(request int64) Pod {
	return Pod{
		Pending:    !p.running,
		Started:    p.created,
		Ready:      p.running,
		ReadySince: p.started,
		Request:    request,
		CPU:        p.sample,
	}
}

// firstToGo orders pods as a ReplicaSet deletes them, kubernetes v1.36 ActivePodsWithRanks.Less in
// pkg/controller/controller_utils.go: first those that do not run yet, then the youngest. The simulation ignores the
// nodes that pods share, and no worker has a deletion cost.
func firstToGo(a, b *pod) int {
	if a.running != b.running {
		if a.running {
			return 1
		}
		return -1
	}
	return b.number - a.number
}

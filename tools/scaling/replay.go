package scaling

import (
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

const (
	// longest is how long a replay may take; a system that is not idle again by then is overloaded for good.
	longest = 48 * time.Hour
	// pointEvery is how often the state is noted down.
	pointEvery = time.Second
)

// Result is what a replay gave.
type Result struct {
	Points     []Point
	requests   []*request
	unfinished int // requests, those included that are still to arrive
	waits      [queues][]time.Duration
	handedBack int           // jobs that a stopping worker did not finish
	work       time.Duration // of cores, for jobs that were finished
	cores      int           // of a worker
}

// Point is the state of the system at one time.
type Point struct {
	At       time.Duration
	Asked    int                   // replicas that the HPA asks for
	Running  int                   // workers that take jobs
	Existing int                   // pods, whatever they do
	Depth    [queues]int           // jobs that are waiting or running
	Oldest   [queues]time.Duration // how long the next job has waited
}

// Replay lets requests arrive as a pattern says, until all are done and the HPA has gone back to its smallest size.
func Replay(hpa *autoscaling.HorizontalPodAutoscaler, model Model, pattern Pattern, seed uint64) *Result {
	c := newCluster(hpa, model, seed)
	arrivals := pattern.Arrivals(c.chance)
	c.result.unfinished = len(arrivals)
	var end time.Duration
	for _, a := range arrivals {
		c.at(a.At, func() { c.arrive(a.Product) })
		end = a.At
	}
	c.run(longest, func() bool {
		return c.now > end && c.result.unfinished == 0 && c.replicas == *hpa.Spec.MinReplicas && len(c.pods) == int(c.replicas)
	})
	c.observe()
	return c.result
}

func (c *cluster) observe() {
	p := Point{At: c.now, Asked: int(c.replicas), Existing: len(c.pods)}
	for _, pod := range c.pods {
		if pod.running && !pod.draining {
			p.Running++
		}
	}
	for q := range queues {
		p.Depth[q] = c.waiting[q].len() + c.running[q]
		if c.waiting[q].len() > 0 {
			p.Oldest[q] = c.now - c.waiting[q].next().since
		}
	}
	c.result.Points = append(c.result.Points, p)
}

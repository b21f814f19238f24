package scaling

import (
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

const (
	// longest bounds a replay. A system that is not idle again by then is overloaded.
	longest = 48 * time.Hour
	// pointEvery is the interval of Result.Points.
	pointEvery = time.Second
)

// Result is the course of a replay.
type Result struct {
	Points     []Point
	requests   []*request
	unfinished int                     // requests, including those that have not arrived yet
	waits      [queues][]time.Duration // of jobs, from their arrival to their first start
	handedBack int                     // jobs that a stopping worker did not finish
	work       time.Duration           // CPU time of finished jobs
	cores      int                     // of a worker
}

// Point is the state of the system at one time.
type Point struct {
	At       time.Duration
	Asked    int                   // replicas that the HPA asks for
	Running  int                   // workers that take jobs
	Existing int                   // pods, including those that start or stop
	Depth    [queues]int           // jobs that are waiting or running
	Oldest   [queues]time.Duration // how long the next job has waited
}

// Replay simulates the requests of a pattern until all are finished and the HPA is back at its minimum. The same
// arguments give the same result.
func Replay(hpa *autoscaling.HorizontalPodAutoscaler, model Model, pattern Pattern, seed uint64) *Result {
	c := newCluster(hpa, model, seed)
	arrivals := pattern.Arrivals(c.chance)
	c.result.unfinished = len(arrivals)
	var end time.Duration
	for _, a := range arrivals {
		c.at(a.At, func() { c.arrive(a.Kind) })
		end = a.At
	}
	c.run(longest, func() bool {
		idle := c.now > end && c.result.unfinished == 0
		return idle && c.replicas == *hpa.Spec.MinReplicas && len(c.pods) == int(c.replicas)
	})
	c.observe()
	return c.result
}

// observe appends the present state to the points of the result.
func (c *cluster) observe() {
	p := Point{
		At:       c.now,
		Asked:    int(c.replicas),
		Existing: len(c.pods),
	}
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

package scaling

import (
	"math/rand/v2"
	"slices"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// Model has the parameters of the simulated cluster.
type Model struct {
	Slots         [queues]int   // concurrency of a worker: jobs that it works at once
	Cores         int           // CPU limit of a worker
	Request       int64         // its CPU request, in thousandths of a core
	DatabaseCores float64       // of Postgres; the jobs of a queue share them, first come, first served
	PodStart      time.Duration // from the decision to a running worker, without a pull; up to half more by chance
	NodePods      int           // pods that fit on the existing nodes; 0: all
	NodeStart     time.Duration // additional start time of a pod that needs a new node
	SoftStop      time.Duration // time from SIGTERM until a worker hands back its unfinished jobs
	Refresh       time.Duration // interval of the exported depth
	Scrape        time.Duration // interval of Prometheus and of the metrics server
	WaitingOnly   bool          // whether the depth leaves out running jobs
	OutageFrom    time.Duration // the depth is missing from OutageFrom to OutageUntil
	OutageUntil   time.Duration
}

// DefaultModel returns two-core workers, a Postgres with four cores, and the intervals of the shipped manifests.
func DefaultModel() Model {
	return Model{
		Slots:         [queues]int{small: 16, tiles: 2},
		Cores:         2,
		Request:       1800,
		DatabaseCores: 4,
		PodStart:      4 * time.Second,
		NodeStart:     90 * time.Second,
		SoftStop:      25 * time.Second,
		Refresh:       5 * time.Second,
		Scrape:        15 * time.Second,
	}
}

// cluster is the simulated system.
type cluster struct {
	timeline
	model      Model
	chance     *rand.Rand
	controller *Controller
	replicas   int32
	pods       []*pod // oldest first
	created    int

	waiting  [queues]line
	running  [queues]int
	database [queues]time.Duration // when Postgres will have finished the work of the jobs started so far

	depth struct {
		exported, scraped [queues]int
		known             bool
	}
	result *Result
}

func newCluster(hpa *autoscaling.HorizontalPodAutoscaler, model Model, seed uint64) *cluster {
	c := &cluster{
		model:      model,
		controller: NewController(hpa),
		result:     &Result{cores: model.Cores},
		chance:     rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // the same seed must give the same result
	}
	c.scale(*hpa.Spec.MinReplicas)
	for _, p := range c.pods { // they started long before the simulation
		p.created = -time.Hour
		p.started = -time.Hour
		p.running = true
	}
	// Each loop begins at a time of its own, so that none is in step with another.
	c.every(c.upTo(model.Refresh), model.Refresh, c.export)
	c.every(c.upTo(model.Scrape), model.Scrape, c.scrapeDepth)
	c.every(c.upTo(model.Scrape), model.Scrape, c.scrapePods)
	c.every(c.upTo(syncPeriod), syncPeriod, c.sync)
	c.every(0, pointEvery, c.observe)
	return c
}

// upTo returns a random time of at most d.
func (c *cluster) upTo(d time.Duration) time.Duration {
	return time.Duration(c.chance.Float64() * float64(d))
}

// export is part of the API: it updates the exported depth, the number of jobs that are waiting or running.
func (c *cluster) export() {
	for q := range queues {
		c.depth.exported[q] = c.waiting[q].len()
		if !c.model.WaitingOnly {
			c.depth.exported[q] += c.running[q]
		}
	}
}

// scrapeDepth is Prometheus. The adapter queries it at each request of the controller. A target that does not respond
// has no value until the next scrape.
func (c *cluster) scrapeDepth() {
	c.depth.scraped = c.depth.exported
	c.depth.known = c.now < c.model.OutageFrom || c.now >= c.model.OutageUntil
}

// scrapePods is the metrics server.
func (c *cluster) scrapePods() {
	for _, p := range c.pods {
		if p.running {
			p.scrape(c.now)
		}
	}
}

// sync is a round of the HPA controller.
func (c *cluster) sync() {
	seen := Observation{Replicas: c.replicas, External: c.external}
	for _, p := range c.pods {
		if !p.draining {
			seen.Existing++
			seen.Pods = append(seen.Pods, p.seen(c.model.Request))
		}
	}
	c.scale(c.controller.Sync(c.now, seen))
}

// external is prometheus-adapter: it returns the depth in thousandths, or false when it is missing.
func (c *cluster) external(metric autoscaling.MetricIdentifier) (milli int64, ok bool) {
	q := slices.Index(queueNames[:], metric.Selector.MatchLabels["queue"])
	if metric.Name != MetricName || q < 0 {
		return 0, false
	}
	return int64(1000 * c.depth.scraped[q]), c.depth.known
}

// MetricName is the metric that the HPA of the workers asks for.
const MetricName = "river_queue_depth"

// scale is the Deployment: it creates or stops pods.
func (c *cluster) scale(replicas int32) {
	c.replicas = replicas
	active := slices.DeleteFunc(slices.Clone(c.pods), func(p *pod) bool { return p.draining })
	for n := len(active); n < int(replicas); n++ {
		c.create(n)
	}
	slices.SortFunc(active, firstToGo)
	for _, p := range active[:max(0, len(active)-int(replicas))] {
		c.stop(p)
	}
}

// create starts a pod. The number of others decides whether it needs a new node.
func (c *cluster) create(others int) {
	c.created++
	p := &pod{number: c.created, created: c.now}
	c.pods = append(c.pods, p)
	start := c.model.PodStart + c.upTo(c.model.PodStart/2)
	if c.model.NodePods > 0 && others >= c.model.NodePods {
		start += c.model.NodeStart
	}
	c.at(c.now+start, func() {
		if !p.draining {
			p.running = true
			p.started = c.now
			p.measured = c.now
			c.dispatch()
		}
	})
}

// stop sends SIGTERM: the pod takes no more jobs, and hands back those that it has not finished after the soft stop.
func (c *cluster) stop(p *pod) {
	p.draining = true
	c.removeIfIdle(p)
	c.at(c.now+c.model.SoftStop, func() {
		for q := range queues {
			for _, j := range slices.Clone(p.jobs[q]) {
				p.end(j, c.now)
				c.running[q]--
				c.result.handedBack++
				c.put(j)
			}
		}
		c.removeIfIdle(p)
		c.dispatch()
	})
}

// removeIfIdle ends a stopping pod that has no jobs.
func (c *cluster) removeIfIdle(p *pod) {
	if p.draining && p.idle() {
		c.pods = slices.DeleteFunc(c.pods, func(other *pod) bool { return other == p })
	}
}

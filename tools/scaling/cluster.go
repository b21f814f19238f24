package scaling

import (
	"math/rand/v2"
	"slices"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

// Model is what the simulation takes for granted of a cluster.
type Model struct {
	Slots         [queues]int   // jobs that a worker does at a time
	Cores         int           // that a worker asks for and gets
	DatabaseCores float64       // of Postgres: all jobs of a queue share them, first come, first served
	PodStart      time.Duration // from the decision to a running worker, up to half more by chance; the image is there
	NodePods      int           // pods that fit on the nodes that there are; 0: all
	NodeStart     time.Duration // what the start of a pod takes longer when it needs a new node
	SoftStop      time.Duration // after which a worker that is told to stop hands back its jobs
	Refresh       time.Duration // of the exported depth
	Scrape        time.Duration // of Prometheus and of the metrics server
	WaitingOnly   bool          // a metric that leaves out running jobs, to show what happens then
	OutageFrom    time.Duration // from when to when the depth is missing
	OutageUntil   time.Duration
}

// DefaultModel is two-core workers, a Postgres with four cores, and the intervals of the shipped manifests.
func DefaultModel() Model {
	return Model{
		Slots: [queues]int{16, 2}, Cores: 2, DatabaseCores: 4, PodStart: 4 * time.Second, NodeStart: 90 * time.Second,
		SoftStop: 25 * time.Second, Refresh: 5 * time.Second, Scrape: 15 * time.Second,
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
	database [queues]time.Duration // when it will have done all that it was asked for

	depth struct {
		exported, scraped [queues]int
		known             bool
	}
	result *Result
}

func newCluster(hpa *autoscaling.HorizontalPodAutoscaler, model Model, seed uint64) *cluster {
	c := &cluster{
		model: model, controller: NewController(hpa), result: &Result{cores: model.Cores},
		chance: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // every run must give the same
	}
	c.scale(*hpa.Spec.MinReplicas)
	for _, p := range c.pods { // there since long
		p.created, p.started, p.running = -time.Hour, -time.Hour, true
	}
	// Nothing of this is in step with anything else.
	c.every(c.upTo(model.Refresh), model.Refresh, c.export)
	c.every(c.upTo(model.Scrape), model.Scrape, c.scrapeDepth)
	c.every(c.upTo(model.Scrape), model.Scrape, c.scrapePods)
	c.every(c.upTo(syncPeriod), syncPeriod, c.sync)
	c.every(0, pointEvery, c.observe)
	return c
}

func (c *cluster) upTo(d time.Duration) time.Duration {
	return time.Duration(c.chance.Float64() * float64(d))
}

// export is the API's: it counts the jobs that are waiting or running.
func (c *cluster) export() {
	for q := range queues {
		c.depth.exported[q] = c.waiting[q].len()
		if !c.model.WaitingOnly {
			c.depth.exported[q] += c.running[q]
		}
	}
}

// scrapeDepth is Prometheus's. The adapter asks it anew whenever the controller asks the adapter, and a target that does
// not answer has no value from then on.
func (c *cluster) scrapeDepth() {
	c.depth.scraped = c.depth.exported
	c.depth.known = c.now < c.model.OutageFrom || c.now >= c.model.OutageUntil
}

func (c *cluster) scrapePods() {
	for _, p := range c.pods {
		if p.running {
			p.scrape(c.now)
		}
	}
}

// sync is the HPA controller's.
func (c *cluster) sync() {
	seen := Observation{Replicas: c.replicas, External: c.external}
	for _, p := range c.pods {
		if !p.draining {
			seen.Existing++
			seen.Pods = append(seen.Pods, p.seen(int64(1000*c.model.Cores)))
		}
	}
	c.scale(c.controller.Sync(c.now, seen))
}

// external is prometheus-adapter's.
func (c *cluster) external(metric autoscaling.MetricIdentifier) (milli int64, ok bool) {
	q := slices.Index(queueNames[:], metric.Selector.MatchLabels["queue"])
	if metric.Name != MetricName || q < 0 {
		return 0, false
	}
	return int64(1000 * c.depth.scraped[q]), c.depth.known
}

// MetricName is the metric that the workers follow.
const MetricName = "river_queue_depth"

// scale is the Deployment's.
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
			p.running, p.started, p.measured = true, c.now, c.now
			c.dispatch()
		}
	})
}

// stop sends SIGTERM: the pod takes no more jobs, finishes those it has, and hands back what takes too long.
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

func (c *cluster) removeIfIdle(p *pod) {
	if p.draining && p.idle() {
		c.pods = slices.DeleteFunc(c.pods, func(other *pod) bool { return other == p })
	}
}

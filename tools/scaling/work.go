package scaling

import "time"

// spread is the largest relative difference between the cost of a job and that of its kind, up and down.
const spread = 0.1

// arrive accepts a request and queues its jobs.
func (c *cluster) arrive(kind *Kind) {
	r := &request{
		kind:    kind,
		arrived: c.now,
		left:    kind.Jobs,
	}
	c.result.requests = append(c.result.requests, r)
	for range kind.Jobs {
		factor := 1 + spread*(2*c.chance.Float64()-1)
		c.put(&job{request: r, cpu: time.Duration(factor * float64(kind.CPU))})
	}
	c.dispatch()
}

// put queues a job.
func (c *cluster) put(j *job) {
	j.since = c.now
	c.waiting[j.request.kind.Queue].put(j)
}

// dispatch starts jobs as long as a worker has a free slot. The delay of notifications, some milliseconds, is ignored.
func (c *cluster) dispatch() {
	for q := range queues {
		for c.waiting[q].len() > 0 {
			p := c.freest(q)
			if p == nil {
				break
			}
			c.start(c.waiting[q].take(), p)
		}
	}
}

// freest returns the pod with the most free slots for a queue, nil if there are none.
func (c *cluster) freest(q int) *pod {
	var best *pod
	most := 0
	for _, p := range c.pods {
		if free := c.model.Slots[q] - len(p.jobs[q]); p.running && !p.draining && free > most {
			best, most = p, free
		}
	}
	return best
}

// start begins a job. It uses the database while it computes, and ends when both are finished.
func (c *cluster) start(j *job, p *pod) {
	kind := j.request.kind
	if j.runs == 0 {
		c.result.waits[kind.Queue] = append(c.result.waits[kind.Queue], c.now-j.request.arrived)
	}
	served := &c.database[kind.Queue]
	*served = max(*served, c.now) + time.Duration(float64(kind.Database)/c.model.DatabaseCores)
	end := max(c.now+j.cpu+kind.Waits, *served)
	p.begin(j, c.now, end)
	c.running[kind.Queue]++
	j.runs++
	run := j.runs
	c.at(end, func() {
		if j.runs == run && p.has(j) {
			c.finish(j, p)
		}
	})
}

// finish ends a job that is done, and starts the next ones.
func (c *cluster) finish(j *job, p *pod) {
	p.end(j, c.now)
	c.running[j.request.kind.Queue]--
	c.result.work += j.cpu
	j.request.left--
	if j.request.left == 0 {
		j.request.finished = c.now
		c.result.unfinished--
	}
	c.removeIfIdle(p)
	c.dispatch()
}

package scaling

import "time"

// spread is by how much the cost of jobs of one kind differs, up and down.
const spread = 0.1

// arrive takes on a product.
func (c *cluster) arrive(kind *Product) {
	r := &request{kind: kind, arrived: c.now, left: kind.Jobs}
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

// dispatch starts jobs for as long as a worker has room. Workers are told of jobs within milliseconds.
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

// freest returns the pod with the most room for jobs of a queue, nil if none has any.
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

// start runs a job. It reads from the database and writes to it while it computes, and ends when both are done.
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

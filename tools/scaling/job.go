package scaling

import "time"

// The queues of package jobs.
const (
	small = iota
	tiles
	queues
)

var queueNames = [queues]string{"small", "tiles"}

// Product is a kind of request: how many jobs it is, and what each of them costs.
type Product struct {
	Name     string
	Queue    int
	Jobs     int
	CPU      time.Duration // of a worker's core
	Waits    time.Duration // for the network and for commits, while the core is free
	Database time.Duration // of a core of Postgres
	Urgent   bool          // of a higher priority than others
}

// request is one product that somebody asked for.
type request struct {
	kind     *Product
	arrived  time.Duration
	left     int // jobs that are not done
	finished time.Duration
}

// line is the waiting jobs of a queue, in the order in which they came, the urgent ones before all others.
type line struct {
	urgent, others []*job
}

func (l *line) len() int { return len(l.urgent) + len(l.others) }

// put adds a job at the end of those of its priority.
func (l *line) put(j *job) {
	if j.request.kind.Urgent {
		l.urgent = append(l.urgent, j)
		return
	}
	l.others = append(l.others, j)
}

// next returns the job that is to be started next.
func (l *line) next() *job {
	if len(l.urgent) > 0 {
		return l.urgent[0]
	}
	return l.others[0]
}

// take removes it.
func (l *line) take() *job {
	j := l.next()
	if j.request.kind.Urgent {
		l.urgent = l.urgent[1:]
	} else {
		l.others = l.others[1:]
	}
	return j
}

// job is one tile, or one small product.
type job struct {
	request *request
	cpu     time.Duration // what its kind costs, more or less
	since   time.Duration // when it came into the queue
	runs    int           // how often it was started
	load    float64       // cores that it uses while it runs
}

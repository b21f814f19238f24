package scaling

import "time"

// The queues of Millrace, by number.
const (
	small = iota
	tiles
	queues
)

var queueNames = [queues]string{"small", "tiles"}

// Kind is a kind of multiplication: the number of its jobs, and the cost of each.
type Kind struct {
	Name     string
	Queue    int
	Jobs     int
	CPU      time.Duration // of a worker's core
	Waits    time.Duration // for the network and for commits, while the core is free
	Database time.Duration // of a core of Postgres
	Urgent   bool          // has a higher priority than others
}

// request is one multiplication.
type request struct {
	kind     *Kind
	arrived  time.Duration
	left     int // jobs that are not finished
	finished time.Duration
}

// line holds the waiting jobs of a queue in the order of their arrival, urgent ones before all others.
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

// next returns the job that is started next. The line must not be empty.
func (l *line) next() *job {
	if len(l.urgent) > 0 {
		return l.urgent[0]
	}
	return l.others[0]
}

// take removes the job that is started next, and returns it.
func (l *line) take() *job {
	j := l.next()
	if j.request.kind.Urgent {
		l.urgent = l.urgent[1:]
	} else {
		l.others = l.others[1:]
	}
	return j
}

// job is a tile, or a small multiplication.
type job struct {
	request *request
	cpu     time.Duration // the cost of its kind, varied by spread
	since   time.Duration // when it was queued, for the first time or again
	runs    int           // how often it was started
	load    float64       // cores that it uses while it runs
}

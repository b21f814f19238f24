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
}

// request is one product that somebody asked for.
type request struct {
	kind     *Product
	arrived  time.Duration
	left     int // jobs that are not done
	finished time.Duration
}

// job is one tile, or one small product.
type job struct {
	request *request
	cpu     time.Duration // what its kind costs, more or less
	since   time.Duration // when it came into the queue
	runs    int           // how often it was started
	load    float64       // cores that it uses while it runs
}

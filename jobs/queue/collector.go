package queue

import (
	"github.com/prometheus/client_golang/prometheus"
)

// collector reports the depths that a process read last. When that is too long ago it reports none: an autoscaler
// that gets no number leaves everything as it is, one that gets an old number acts on it.
type collector struct {
	client    *Client
	depth     *prometheus.Desc
	jobs      *prometheus.Desc
	oldest    *prometheus.Desc
	work      *prometheus.Desc
	paused    *prometheus.Desc
	leases    *prometheus.Desc
	refreshed *prometheus.Desc
	took      *prometheus.Desc
}

const (
	depthHelp = "Jobs that wait, run, or are due to be tried again, and tiles to be enqueued."
	jobsHelp  = "Jobs that are not finished, by state, and tiles that have no job yet."
)

func newCollector(c *Client) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &collector{
		client:    c,
		depth:     desc("river_queue_depth", depthHelp, "queue"),
		jobs:      desc("millrace_queue_jobs", jobsHelp, "queue", "state"),
		oldest:    desc("millrace_queue_oldest_job_age_seconds", "How long the oldest waiting job has been due.", "queue"),
		work:      desc("millrace_queue_work_seconds", "Estimated time that one slot would need for the depth.", "queue"),
		paused:    desc("millrace_queue_paused", "Whether workers fetch no jobs of the queue: 1 or 0.", "queue"),
		leases:    desc("millrace_leases", "Processes, APIs and workers, that have renewed their lease in time."),
		refreshed: desc("millrace_queue_last_refresh_timestamp_seconds", "When the state of the queues was read."),
		took:      desc("millrace_queue_refresh_duration_seconds", "How long it took to read the state of the queues."),
	}
}

// Describe implements prometheus.Collector.
func (q *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{q.depth, q.jobs, q.oldest, q.work, q.paused, q.leases, q.refreshed, q.took} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (q *collector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	last, ok := q.client.Depths()
	if !last.At.IsZero() {
		gauge(q.refreshed, float64(last.At.UnixMilli())/1000)
	}
	if !ok {
		return
	}
	gauge(q.took, last.Took.Seconds())
	gauge(q.leases, float64(last.Leases))
	for _, d := range last.Queues {
		gauge(q.depth, float64(d.Depth), d.Queue)
		gauge(q.oldest, d.Oldest.Seconds(), d.Queue)
		gauge(q.work, d.Work.Seconds(), d.Queue)
		gauge(q.paused, map[bool]float64{true: 1}[d.Paused], d.Queue)
		for state, jobs := range d.Jobs {
			gauge(q.jobs, float64(jobs), d.Queue, string(state))
		}
		gauge(q.jobs, float64(d.Unqueued), d.Queue, "unqueued")
	}
}

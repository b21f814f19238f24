package jobs

import (
	"github.com/prometheus/client_golang/prometheus"
)

// queueCollector reports what a process saw last of the queues. When that is too long ago it reports no queues at all: an
// autoscaler that gets no number leaves everything as it is, one that gets an old number acts on it.
type queueCollector struct {
	client                               *Client
	depth, jobs, estimated, oldest, work *prometheus.Desc
	leases, refreshed, took              *prometheus.Desc
}

func newQueueCollector(c *Client) *queueCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &queueCollector{
		client:    c,
		depth:     desc("river_queue_depth", "Jobs that wait, run, or are due to be tried again.", "queue"),
		jobs:      desc("millrace_queue_jobs", "Jobs that are not finished, by state.", "queue", "state"),
		estimated: desc("millrace_queue_depth_estimated", "1 when so many jobs wait that their number is an estimate, else 0.", "queue"),
		oldest:    desc("millrace_queue_oldest_job_age_seconds", "How long the job that waits longest has been due.", "queue"),
		work:      desc("millrace_queue_work_seconds", "Estimated time that one slot of a worker would need for all of the queue's depth.", "queue"),
		leases:    desc("millrace_leases", "Processes, APIs and workers, that have renewed their lease in time."),
		refreshed: desc("millrace_queue_last_refresh_timestamp_seconds", "When the state of the queues was read."),
		took:      desc("millrace_queue_refresh_duration_seconds", "How long it took to read the state of the queues."),
	}
}

// Describe implements prometheus.Collector.
func (q *queueCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{q.depth, q.jobs, q.estimated, q.oldest, q.work, q.leases, q.refreshed, q.took} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (q *queueCollector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	seen, ok := q.client.Queues()
	if !seen.At.IsZero() {
		gauge(q.refreshed, float64(seen.At.UnixMilli())/1000)
	}
	if !ok {
		return
	}
	gauge(q.took, seen.Took.Seconds())
	gauge(q.leases, float64(seen.Leases))
	for _, queue := range seen.Queues {
		gauge(q.depth, float64(queue.Depth), queue.Name)
		gauge(q.oldest, queue.Oldest.Seconds(), queue.Name)
		gauge(q.work, queue.Work.Seconds(), queue.Name)
		gauge(q.estimated, float64(boolToInt(queue.Estimated)), queue.Name)
		for state, jobs := range queue.Jobs {
			gauge(q.jobs, float64(jobs), queue.Name, string(state))
		}
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

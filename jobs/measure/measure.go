// Package measure has the metrics of a process's part in the work.
package measure

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/tile"
)

// Buckets in seconds: of what takes milliseconds when it is small or the service is idle, and of what may take hours.
var (
	tileBuckets     = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	waitBuckets     = []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}
	durationBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36000}
)

// Metrics is what a process counts of its part in the work. Each series is there from the start, at zero: a rate over
// one that begins with its first event would miss that event. See docs/metrics.md.
type Metrics struct {
	submitted *prometheus.CounterVec   // multiplications, by queue
	ended     *prometheus.CounterVec   // multiplications, by outcome
	lasted    *prometheus.HistogramVec // multiplications, by queue
	reused    prometheus.Counter

	attempts  *prometheus.CounterVec   // at tiles, by queue and outcome
	waited    *prometheus.HistogramVec // tiles, by queue
	computed  *prometheus.HistogramVec // tiles, by queue
	busy      *prometheus.GaugeVec     // slots, by queue
	flops     prometheus.Counter
	inKernel  prometheus.Counter
	inReading prometheus.Counter
	inCheck   prometheus.Counter

	rescued     prometheus.Counter
	quarantined prometheus.Counter
}

// New returns the metrics of a process; outcomes are those of multiplications.
func New(config queue.Config, outcomes []string) *Metrics {
	m := &Metrics{}
	m.addMultiplications(promauto.With(config.Metrics), outcomes)
	m.addTiles(promauto.With(only(config.Work, config.Metrics)), config)
	lead := promauto.With(only(config.Lead, config.Metrics))
	m.rescued = lead.NewCounter(prometheus.CounterOpts{
		Name: "millrace_jobs_rescued_total",
		Help: "Jobs that were taken back from workers whose lease had run out.",
	})
	m.quarantined = lead.NewCounter(prometheus.CounterOpts{
		Name: "millrace_tiles_quarantined_total",
		Help: "Tiles that crashed their worker again and again and will not be tried any more.",
	})
	return m
}

func (m *Metrics) addMultiplications(factory promauto.Factory, outcomes []string) {
	m.submitted = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_multiplications_submitted_total",
		Help: "Multiplications that this process has accepted.",
	}, []string{"queue"})
	m.ended = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_multiplications_total",
		Help: "Multiplications that this process has ended, by outcome.",
	}, []string{"outcome"})
	m.lasted = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "millrace_multiplication_duration_seconds",
		Help:    "From the submission of a multiplication to its completion.",
		Buckets: durationBuckets,
	}, []string{"queue"})
	m.reused = factory.NewCounter(prometheus.CounterOpts{
		Name: "millrace_multiplications_reused_total",
		Help: "Multiplications that this process has completed at once, with the result of an earlier one.",
	})
	for _, name := range queue.Names() {
		m.submitted.WithLabelValues(name)
		m.lasted.WithLabelValues(name)
	}
	for _, o := range outcomes {
		m.ended.WithLabelValues(o)
	}
}

func (m *Metrics) addTiles(factory promauto.Factory, config queue.Config) {
	m.attempts = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_tile_attempts_total",
		Help: "Attempts at tiles that have ended, by outcome.",
	}, []string{"queue", "outcome"})
	m.waited = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "millrace_tile_wait_seconds",
		Help:    "How long tiles were due before a worker took them.",
		Buckets: waitBuckets,
	}, []string{"queue"})
	m.computed = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "millrace_tile_duration_seconds",
		Help:    "How long completed tiles took: reading, multiplying, checking, storing.",
		Buckets: tileBuckets,
	}, []string{"queue"})
	m.busy = factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "millrace_worker_slots_busy",
		Help: "Tiles that this process is working on.",
	}, []string{"queue"})
	slots := factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "millrace_worker_slots",
		Help: "Tiles that this process can work on at a time.",
	}, []string{"queue"})
	slots.WithLabelValues(queue.Small).Set(float64(config.Small))
	slots.WithLabelValues(queue.Tiles).Set(float64(config.Tiles))
	for _, name := range queue.Names() {
		m.waited.WithLabelValues(name)
		m.computed.WithLabelValues(name)
		m.busy.WithLabelValues(name)
		for _, o := range outcomes() {
			m.attempts.WithLabelValues(name, o)
		}
	}
	counter := func(name, help string) prometheus.Counter {
		return factory.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m.flops = counter("millrace_gemm_flops_total", "Floating-point operations of computed tiles, 2·m·k·n.")
	m.inKernel = counter("millrace_gemm_seconds_total", "Time of computed tiles in the BLAS kernel, one thread each.")
	m.inReading = counter("millrace_tile_read_wait_seconds_total", "Time of computed tiles waiting for operands.")
	m.inCheck = counter("millrace_tile_check_seconds_total", "Time of computed tiles in the check of their result.")
}

// Tile counts what a tile has cost.
func (m *Metrics) Tile(ctx context.Context, s tile.Stats) {
	traceTile(ctx, s)
	m.flops.Add(s.FLOPs)
	m.inKernel.Add(s.Kernel.Seconds())
	m.inReading.Add(s.Waiting.Seconds())
	m.inCheck.Add(s.Checking.Seconds())
}

// Submitted counts multiplications that were accepted.
func (m *Metrics) Submitted(queue string, n int) { m.submitted.WithLabelValues(queue).Add(float64(n)) }

// Ended counts a multiplication that has ended otherwise than by its completion.
func (m *Metrics) Ended(outcome string) { m.ended.WithLabelValues(outcome).Inc() }

// Completed counts a multiplication, submitted at a time, that has just been completed.
func (m *Metrics) Completed(queue, outcome string, submitted time.Time) {
	m.ended.WithLabelValues(outcome).Inc()
	m.lasted.WithLabelValues(queue).Observe(max(0, time.Since(submitted).Seconds()))
}

// Reused counts a multiplication that has ended when it was submitted: with the result of an earlier one.
func (m *Metrics) Reused(outcome string) {
	m.reused.Inc()
	m.ended.WithLabelValues(outcome).Inc()
}

// Rescued counts a job that was taken back from a lost worker.
func (m *Metrics) Rescued(job queue.Rescued) {
	m.rescued.Inc()
	if job.Quarantined {
		m.quarantined.Inc()
	}
}

// only returns the registry, or none: a process does not report what it does not do.
func only(does bool, registry prometheus.Registerer) prometheus.Registerer {
	if does {
		return registry
	}
	return nil
}

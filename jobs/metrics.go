package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/millrace/millrace/matrix/tile"
	"github.com/millrace/millrace/store"
)

// The outcomes of one attempt at a tile.
const (
	outcomeCompleted   = "completed"
	outcomeRetried     = "retried"     // it failed and will be tried again
	outcomeFailed      = "failed"      // it failed and will not be tried again
	outcomeCancelled   = "cancelled"   // its product has ended meanwhile
	outcomeInterrupted = "interrupted" // its worker stops and has handed it back
)

// Buckets in seconds: of what takes milliseconds when it is small or the service is idle, and of what may take hours.
var (
	tileBuckets    = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	waitBuckets    = []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}
	productBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36000}
)

// metrics is what a process counts of its part in the queue. Every series is there from the start, at zero: a rate over one
// that begins with its first event would miss that event. See docs/metrics.md.
type metrics struct {
	river.MiddlewareDefaults

	submitted *prometheus.CounterVec   // products, by queue
	ended     *prometheus.CounterVec   // products, by outcome
	lasted    *prometheus.HistogramVec // products, by queue

	attempts  *prometheus.CounterVec   // at tiles, by queue and outcome
	waited    *prometheus.HistogramVec // tiles, by queue
	computed  *prometheus.HistogramVec // tiles, by queue
	busy      *prometheus.GaugeVec     // slots, by queue
	flops     prometheus.Counter
	inKernel  prometheus.Counter
	inReading prometheus.Counter
	inCheck   prometheus.Counter

	rescued, quarantined prometheus.Counter
}

func newMetrics(config Config) *metrics {
	m := &metrics{}
	m.addProducts(promauto.With(config.Metrics))
	m.addTiles(promauto.With(only(config.Work, config.Metrics)), config)
	lead := promauto.With(only(config.Lead, config.Metrics))
	m.rescued = lead.NewCounter(prometheus.CounterOpts{
		Name: "millrace_jobs_rescued_total", Help: "Jobs that were taken back from workers whose lease had run out.",
	})
	m.quarantined = lead.NewCounter(prometheus.CounterOpts{
		Name: "millrace_tiles_quarantined_total", Help: "Tiles that crashed their worker again and again and will not be tried any more.",
	})
	return m
}

// only returns the registry, or none: what a process does not do it does not report.
func only(does bool, registry prometheus.Registerer) prometheus.Registerer {
	if does {
		return registry
	}
	return nil
}

func (m *metrics) addProducts(factory promauto.Factory) {
	m.submitted = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_multiplications_submitted_total", Help: "Multiplications accepted by this process.",
	}, []string{"queue"})
	m.ended = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_multiplications_total", Help: "Multiplications that this process moved to a final state, by outcome.",
	}, []string{"outcome"})
	m.lasted = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "millrace_multiplication_duration_seconds",
		Help:    "From the submission of a multiplication to its completion.",
		Buckets: productBuckets,
	}, []string{"queue"})
	for _, queue := range queues {
		m.submitted.WithLabelValues(queue)
		m.lasted.WithLabelValues(queue)
	}
	for _, state := range store.States {
		if state.Final() {
			m.ended.WithLabelValues(string(state))
		}
	}
}

func (m *metrics) addTiles(factory promauto.Factory, config Config) {
	m.attempts = factory.NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_tile_attempts_total", Help: "Attempts at tiles that have ended, by outcome.",
	}, []string{"queue", "outcome"})
	m.waited = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name: "millrace_tile_wait_seconds", Help: "How long tiles were due before a worker took them.", Buckets: waitBuckets,
	}, []string{"queue"})
	m.computed = factory.NewHistogramVec(prometheus.HistogramOpts{
		Name: "millrace_tile_duration_seconds", Help: "How long completed tiles took: reading, multiplying, checking, storing.", Buckets: tileBuckets,
	}, []string{"queue"})
	m.busy = factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "millrace_worker_slots_busy", Help: "Tiles that this process is working on.",
	}, []string{"queue"})
	slots := factory.NewGaugeVec(prometheus.GaugeOpts{
		Name: "millrace_worker_slots", Help: "Tiles that this process can work on at a time.",
	}, []string{"queue"})
	slots.WithLabelValues(QueueSmall).Set(float64(config.Small))
	slots.WithLabelValues(QueueTiles).Set(float64(config.Tiles))
	for _, queue := range queues {
		m.waited.WithLabelValues(queue)
		m.computed.WithLabelValues(queue)
		m.busy.WithLabelValues(queue)
		for _, o := range []string{outcomeCompleted, outcomeRetried, outcomeFailed, outcomeCancelled, outcomeInterrupted} {
			m.attempts.WithLabelValues(queue, o)
		}
	}
	counter := func(name, help string) prometheus.Counter {
		return factory.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m.flops = counter("millrace_gemm_flops_total", "Floating-point operations of computed tiles, 2·m·k·n.")
	m.inKernel = counter("millrace_gemm_seconds_total", "Time that computed tiles spent in the BLAS kernel, one thread each.")
	m.inReading = counter("millrace_tile_read_wait_seconds_total", "Time that computed tiles spent waiting for their operands.")
	m.inCheck = counter("millrace_tile_check_seconds_total", "Time that computed tiles spent in the check of their result.")
}

// Work implements rivertype.WorkerMiddleware: it observes the attempts at tiles.
func (m *metrics) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	if job.Kind != (TileArgs{}).Kind() {
		return work(ctx)
	}
	if job.AttemptedAt != nil {
		m.waited.WithLabelValues(job.Queue).Observe(max(0, job.AttemptedAt.Sub(job.ScheduledAt).Seconds()))
	}
	m.busy.WithLabelValues(job.Queue).Inc()
	defer m.busy.WithLabelValues(job.Queue).Dec()
	err, start := errPanicked, time.Now()
	defer func() { m.attempts.WithLabelValues(job.Queue, outcome(ctx, job, err)).Inc() }()
	err = work(ctx)
	if err == nil {
		m.computed.WithLabelValues(job.Queue).Observe(time.Since(start).Seconds())
	}
	return err
}

// errPanicked stands for the error of an attempt that has not returned.
var errPanicked = errors.New("panic")

// outcome says what an attempt that returned err comes to, as River and our error handler decide it.
func outcome(ctx context.Context, job *rivertype.JobRow, err error) string {
	var cancel *rivertype.JobCancelError
	switch {
	case err == nil:
		return outcomeCompleted
	case errors.As(err, &cancel), errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return outcomeCancelled
	case ctx.Err() != nil:
		return outcomeInterrupted
	case permanent(err), job.Attempt >= job.MaxAttempts:
		return outcomeFailed
	}
	return outcomeRetried
}

// tile counts what a tile has cost.
func (m *metrics) tile(s tile.Stats) {
	m.flops.Add(s.FLOPs)
	m.inKernel.Add(s.Kernel.Seconds())
	m.inReading.Add(s.Waiting.Seconds())
	m.inCheck.Add(s.Checking.Seconds())
}

// submission counts a product that was accepted. One without elements has ended with that.
func (m *metrics) submission(p store.Multiplication) {
	m.submitted.WithLabelValues(QueueOf(p.Plan())).Inc()
	if p.State == store.Completed {
		m.completion(p)
	}
}

// completion counts a product that is complete now.
func (m *metrics) completion(p store.Multiplication) {
	m.ended.WithLabelValues(string(store.Completed)).Inc()
	m.lasted.WithLabelValues(QueueOf(p.Plan())).Observe(max(0, time.Since(p.CreatedAt).Seconds()))
}

// rescue counts a job that was taken back from a lost worker.
func (m *metrics) rescue(job store.RescueLostJobsRow) {
	m.rescued.Inc()
	if job.State == store.RiverJobStateDiscarded && job.MultiplicationID != "" {
		m.quarantined.Inc()
	}
}

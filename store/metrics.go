package store

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/memory"
)

// Observe registers the metrics of the store: its connections, the memory of transfers, and what goes in and out of the
// block store. Call it before the store is used. See docs/metrics.md.
func (s *Store) Observe(registry prometheus.Registerer) {
	registry.MustRegister(newPoolCollector(s.Pool))
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("millrace_transfer_memory_bytes", "Memory that uploads and downloads hold.",
		func() float64 { return s.memory.sum((*memory.Pool).Used) })
	gauge("millrace_transfer_memory_limit_bytes", "Memory that all uploads and downloads may hold together.",
		func() float64 { return s.memory.sum((*memory.Pool).Size) })
	gauge("millrace_transfers_waiting", "Uploads and downloads that wait for memory.",
		func() float64 { return s.memory.sum((*memory.Pool).Waiting) })
	if _, known := s.Space(); known {
		gauge("millrace_block_store_free_bytes", "Free space of the block store's file system.", func() float64 {
			room, _ := s.Space()
			return float64(room.Free)
		})
		const minFree = "Free space below which uploads and submissions are refused."
		gauge("millrace_block_store_min_free_bytes", minFree, func() float64 {
			room, _ := s.Space()
			return float64(s.lowWater(room))
		})
	}
	s.Blocks = blocks.Observe(s.Blocks, registry)
}

// poolCollector reports the database connections of a process.
type poolCollector struct {
	pool        *pgxpool.Pool
	connections *prometheus.Desc
	limit       *prometheus.Desc
	acquires    *prometheus.Desc
	waits       *prometheus.Desc
	waitTime    *prometheus.Desc
}

func newPoolCollector(pool *pgxpool.Pool) *poolCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &poolCollector{
		pool:        pool,
		connections: desc("millrace_database_connections", "Connections of this process to the database, by state.", "state"),
		limit:       desc("millrace_database_connections_limit", "Connections that this process may open."),
		acquires:    desc("millrace_database_acquires_total", "How often a connection was taken from the pool."),
		waits:       desc("millrace_database_acquire_waits_total", "How often a caller waited for a connection."),
		waitTime:    desc("millrace_database_acquire_wait_seconds_total", "How long callers waited for connections."),
	}
}

// Describe implements prometheus.Collector.
func (p *poolCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{p.connections, p.limit, p.acquires, p.waits, p.waitTime} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (p *poolCollector) Collect(metrics chan<- prometheus.Metric) {
	stat := p.pool.Stat()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	send(p.connections, prometheus.GaugeValue, float64(stat.AcquiredConns()), "acquired")
	send(p.connections, prometheus.GaugeValue, float64(stat.IdleConns()), "idle")
	send(p.connections, prometheus.GaugeValue, float64(stat.ConstructingConns()), "opening")
	send(p.limit, prometheus.GaugeValue, float64(stat.MaxConns()))
	send(p.acquires, prometheus.CounterValue, float64(stat.AcquireCount()))
	send(p.waits, prometheus.CounterValue, float64(stat.EmptyAcquireCount()))
	send(p.waitTime, prometheus.CounterValue, stat.EmptyAcquireWaitTime().Seconds())
}

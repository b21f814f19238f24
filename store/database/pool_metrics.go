package database

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// poolCollector reports the database connections of a process.
type poolCollector struct {
	pool        *pgxpool.Pool
	connections *prometheus.Desc
	limit       *prometheus.Desc
	acquires    *prometheus.Desc
	waits       *prometheus.Desc
	waitTime    *prometheus.Desc
}

// NewPoolCollector returns what reports the connections of a pool. See docs/metrics.md.
func NewPoolCollector(pool *pgxpool.Pool) prometheus.Collector {
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

package measure

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/tile"
)

// Panels reports what an engine holds of operands, and how often that saved a read.
func Panels(engine *tile.Engine, config queue.Config) {
	factory := promauto.With(only(config.Work, config.Metrics))
	counter := func(name, help string, of func(tile.CacheStats) int64) {
		factory.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(engine.Cache())) })
	}
	gauge := func(name, help string, of func(tile.CacheStats) int64) {
		factory.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(of(engine.Cache())) })
	}
	counter("millrace_panel_hits_total", "Panels of operands that a tile found, or that were being read for another one.",
		func(s tile.CacheStats) int64 { return s.Hits })
	counter("millrace_panel_misses_total", "Panels of operands that were read or generated.",
		func(s tile.CacheStats) int64 { return s.Misses })
	gauge("millrace_panel_bytes", "Panels of operands in memory: those that tiles multiply, and those that are kept.",
		func(s tile.CacheStats) int64 { return s.Bytes })
	gauge("millrace_panel_limit_bytes", "Limit of the panels that are kept.",
		func(s tile.CacheStats) int64 { return s.Limit })
}

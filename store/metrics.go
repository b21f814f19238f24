package store

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millrace/millrace/store/blocks"
	"github.com/millrace/millrace/store/database"
	"github.com/millrace/millrace/store/memory"
)

// Observe registers the metrics of the store: its connections, the memory of transfers, and what goes in and out of the
// block store. Call it before the store is used. See docs/metrics.md.
func (s *Store) Observe(registry prometheus.Registerer) {
	registry.MustRegister(database.NewPoolCollector(s.Pool))
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

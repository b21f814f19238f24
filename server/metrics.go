package server

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/millrace/millrace/matrix/blas"
)

// newRegistry returns a registry with the metrics that Go programs usually have. The parts of the process register
// theirs: each package names its metrics in a file metrics.go, and no registry is global.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// newBuildInfo returns the metric whose labels say what runs; its value is 1.
func newBuildInfo(role Role, kernel blas.Kernel) prometheus.Collector {
	labels := prometheus.Labels{
		"version":   Version(),
		"goversion": runtime.Version(),
		"role":      string(role),
		"kernel":    "none",
	}
	if kernel != nil {
		labels["kernel"] = kernel.Name()
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "millrace_build_info",
		Help:        "What runs: the version, the role of the process and the kernel of its arithmetic.",
		ConstLabels: labels,
	})
	info.Set(1)
	return info
}

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

// registerInfo registers the metrics that say what runs, and how fast it computes; choice is nil in an API.
func registerInfo(registry *prometheus.Registry, role Role, choice *blas.Choice) {
	labels := prometheus.Labels{
		"version":   Version(),
		"goversion": runtime.Version(),
		"role":      string(role),
		"kernel":    "none",
	}
	if choice != nil {
		labels["kernel"] = choice.Kernel.Name()
		about := describe(choice.Kernel)
		rate := prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "millrace_kernel_gflops",
			Help: "Rate of the kernel in GFLOP/s on one core in float64, measured when the process started.",
			ConstLabels: prometheus.Labels{
				"kernel":  about.Kernel,
				"version": about.Version,
				"core":    about.Core,
			},
		})
		rate.Set(choice.GFLOPS)
		registry.MustRegister(rate)
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "millrace_build_info",
		Help:        "What runs: the version, the role of the process and the kernel of its arithmetic.",
		ConstLabels: labels,
	})
	info.Set(1)
	registry.MustRegister(info)
}

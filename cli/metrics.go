package cli

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/millrace/millrace/matrix/blas"
)

// newRegistry returns a registry with the metrics that every Go program has. The parts add theirs: each layer names its own
// metrics in a file metrics.go, and nothing is global.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// newBuildInfo says what runs: it is always 1, its labels are the information.
func newBuildInfo(role string, kernel blas.Kernel) prometheus.Collector {
	labels := prometheus.Labels{"version": version(), "goversion": runtime.Version(), "role": role, "kernel": "none"}
	if kernel != nil {
		labels["kernel"] = kernel.Name()
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "millrace_build_info", Help: "What runs: the version, the role of the process and the kernel of its arithmetic.", ConstLabels: labels,
	})
	info.Set(1)
	return info
}

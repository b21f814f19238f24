//go:build unix

package tile

import (
	"slices"
	"syscall"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// cpuTime returns the seconds that this process has computed.
func cpuTime(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// BenchmarkCheck compares the multiplication of the panels of a tile of full size with and without the sums of the
// check, in turn, by the time of the CPU: other programs hardly change that.
func BenchmarkCheck(b *testing.B) {
	for _, kernel := range testKernels(b) {
		b.Run(kernel.Name()+"/float64", func(b *testing.B) { benchmarkCheck[float64](b, kernel) })
		b.Run(kernel.Name()+"/float32", func(b *testing.B) { benchmarkCheck[float32](b, kernel) })
	}
}

func benchmarkCheck[T matrix.Float](b *testing.B, kernel blas.Kernel) {
	const m = matrix.StandardTileRows
	const n = matrix.StandardTileCols
	const depth = panelDepth
	x, y, z := make([]T, m*depth), make([]T, depth*n), make([]T, m*n)
	for i := range x {
		x[i] = T(i % 7)
	}
	for i := range y {
		y[i] = T(i % 5)
	}
	c := newCheck[T](10 * depth)
	c.begin(m, n)
	var without, with []float64
	for b.Loop() {
		start := cpuTime(b)
		blas.Gemm(kernel, m, n, depth, x, depth, y, n, z, n, false)
		without = append(without, cpuTime(b)-start)
		start = cpuTime(b)
		c.beginPanel(x, y, depth, z, n)
		blas.GemmWithSums(kernel, m, n, depth, x, depth, y, n, z, n, false, c.of(0, m))
		c.endPanel(0, m)
		with = append(with, cpuTime(b)-start)
	}
	slices.Sort(without)
	slices.Sort(with)
	median := without[len(without)/2]
	b.ReportMetric(100*(with[len(with)/2]/median-1), "check-%")
	b.ReportMetric(matrix.FLOPs(m, depth, n)/median/1e9, "GFLOP/s")
}

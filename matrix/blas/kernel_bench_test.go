package blas

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/matrix"
)

// BenchmarkKernels compares all kernels of this machine, by turns and by the best of each, since other programs disturb
// them: a line for each shape, in GFLOP/s. The first line has what the CPU can do at most.
func BenchmarkKernels(b *testing.B) {
	kernels := testKernels(b)
	b.Run("peak", func(b *testing.B) { benchmarkPeak(b, kernels) })
	shapes := [][3]int{
		{1, 2000, 2000}, {2000, 1, 2000}, {2000, 2000, 1}, {4, 2000, 2000}, {2000, 4, 2000}, {2000, 2000, 4},
		{16, 2000, 2000}, {2000, 16, 2000}, {2000, 2000, 16}, {64, 2000, 2000}, {2000, 64, 2000}, {2000, 2000, 64},
	}
	for _, n := range []int{2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1000, 1500, 2000, 3000, 4000} {
		shapes = append(shapes, [3]int{n, n, n})
	}
	for _, s := range shapes {
		b.Run(fmt.Sprintf("float64/%dx%dx%d", s[0], s[1], s[2]), func(b *testing.B) {
			benchmarkKernels[float64](b, kernels, s[0], s[1], s[2])
		})
		b.Run(fmt.Sprintf("float32/%dx%dx%d", s[0], s[1], s[2]), func(b *testing.B) {
			benchmarkKernels[float32](b, kernels, s[0], s[1], s[2])
		})
	}
}

// unit returns the unit of a figure of a kernel. It has no spaces.
func unit(kernel Kernel) string {
	name := strings.TrimPrefix(kernel.Name(), "built-in ")
	return strings.Fields(name)[0] + "-GFLOP/s"
}

func benchmarkPeak(b *testing.B, kernels []Kernel) {
	best := map[string]float64{}
	for b.Loop() {
		for _, kernel := range kernels {
			if k, ok := kernel.(builtin); ok {
				start := time.Now()
				operations := k.level.Float64.Peak()
				best[unit(kernel)] = max(best[unit(kernel)], operations/time.Since(start).Seconds()/1e9)
			}
		}
	}
	report(b, best)
}

func benchmarkKernels[T matrix.Float](b *testing.B, kernels []Kernel, m, n, k int) {
	operations := matrix.FLOPs(int64(m), int64(k), int64(n))
	// A turn is long enough for the clock, and short enough that some turns are not disturbed.
	calls := int(max(1, 4e6/operations))
	x, y, z := make([]T, m*k), make([]T, k*n), make([]T, m*n)
	for i := range x {
		x[i] = T(i % 7)
	}
	for i := range y {
		y[i] = T(i % 5)
	}
	for i := range z {
		z[i] = 1 // so that no kernel pays for the pages
	}
	best := map[string]float64{}
	for b.Loop() {
		for _, kernel := range kernels {
			if IsPortable(kernel) && operations > 2e9 {
				continue
			}
			start := time.Now()
			for range calls {
				Gemm(kernel, m, n, k, x, k, y, n, z, n, false)
			}
			rate := operations * float64(calls) / time.Since(start).Seconds() / 1e9
			best[unit(kernel)] = max(best[unit(kernel)], rate)
		}
	}
	report(b, best)
}

// report reports the rates, and not the time of an iteration, which means nothing here.
func report(b *testing.B, rates map[string]float64) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	for name, rate := range rates {
		b.ReportMetric(math.Round(10*rate)/10, name)
	}
}

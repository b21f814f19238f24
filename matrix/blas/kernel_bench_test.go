package blas

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/matrix"
)

func BenchmarkGemm(b *testing.B) {
	for _, kernel := range testKernels(b) {
		for _, n := range []int{16, 64, 256, 1024} {
			b.Run(fmt.Sprintf("%s/float64/%d", kernel.Name(), n), func(b *testing.B) {
				benchmarkGemm[float64](b, kernel, n)
			})
			b.Run(fmt.Sprintf("%s/float32/%d", kernel.Name(), n), func(b *testing.B) {
				benchmarkGemm[float32](b, kernel, n)
			})
		}
	}
}

func benchmarkGemm[T matrix.Float](b *testing.B, kernel Kernel, n int) {
	x, y, z := make([]T, n*n), make([]T, n*n), make([]T, n*n)
	for i := range x {
		x[i] = T(i % 7)
		y[i] = T(i % 5)
	}
	for b.Loop() {
		Gemm(kernel, n, n, n, x, n, y, n, z, n, false)
	}
	reportGFLOPs(b, matrix.FLOPs(int64(n), int64(n), int64(n)))
}

// reportGFLOPs reports billions of floating-point operations per second, for operations in each iteration.
func reportGFLOPs(b *testing.B, operations float64) {
	b.Helper()
	b.ReportMetric(operations*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

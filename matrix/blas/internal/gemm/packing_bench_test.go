package gemm

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/millrace/millrace/matrix/internal/sums"
)

// BenchmarkPacking packs the operands of a panel of a tile of full size, with and without the sums of a check.
func BenchmarkPacking(b *testing.B) {
	const m, n, k = 2560, 2048, 344
	for _, level := range Levels() {
		for _, p := range []*Precision{level.Float64, level.Float32} {
			for _, summed := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%d bytes/sums %t", level.Name, p.size, summed), func(b *testing.B) {
					benchmarkPacking(b, p, m, n, k, summed)
				})
			}
		}
	}
}

func benchmarkPacking(b *testing.B, p *Precision, m, n, k int, summed bool) {
	x, y := make([]byte, m*k*p.size), make([]byte, k*n*p.size)
	w := &workspace{}
	g := &product{
		a:    unsafe.Pointer(&x[0]),
		b:    unsafe.Pointer(&y[0]),
		aRow: k * p.size,
		bRow: n * p.size,
	}
	var inner sums.Weights
	if summed {
		g.sums = &Sums{
			Columns: sums.Weights{R: make([]float64, n), W: make([]float64, n)},
			Sum:     make([]float64, m),
			Bound:   make([]float64, m),
			Inner:   func(int, int, int, sums.Weights) {},
		}
	}
	height := p.height / p.rows * p.rows
	packed := make([]byte, max(n*k, height*k)*p.size+line)
	for b.Loop() {
		inner = p.packPanelsAndSum(w, unsafe.Pointer(&packed[0]), g, 0, 0, k, n/(p.vectors*p.lanes)*p.vectors*p.lanes)
		for i := 0; i+height <= m; i += height {
			p.packBlockAndSum(&w.tile, unsafe.Pointer(&packed[0]), g, inner, i, 0, height, k)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64((m+n)*k), "ns/element")
}

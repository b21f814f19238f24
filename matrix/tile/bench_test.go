package tile

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// The size of a tile of full size in the multiplication of 10,000×10,000 matrices.
const (
	benchRows  = matrix.StandardTileRows
	benchCols  = matrix.StandardTileCols
	benchDepth = 10_000
)

// BenchmarkEngine compares the engine, with operands that are generated as they are read, with calls of the kernel on
// matrices that are in memory: as many at a time as there are cores, in turn, because the speed of a shared machine
// changes from one second to the next.
func BenchmarkEngine(b *testing.B) {
	kernels := testKernels(b)
	kernel := kernels[len(kernels)-1]
	for _, dtype := range []matrix.DType{matrix.Float64, matrix.Float32} {
		for _, tiles := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%s/%d", kernel.Name(), dtype, tiles), func(b *testing.B) {
				if dtype == matrix.Float32 {
					benchmarkEngine[float32](b, kernel, dtype, tiles)
				} else {
					benchmarkEngine[float64](b, kernel, dtype, tiles)
				}
			})
		}
	}
}

func benchmarkEngine[T matrix.Float](b *testing.B, kernel blas.Kernel, dtype matrix.DType, tiles int) {
	engine := NewEngine(kernel)
	random := matrix.NewRandom(matrix.Shape{
		Rows:  benchDepth,
		Cols:  benchDepth,
		DType: dtype,
	}, 1)
	x := make([]T, benchRows*benchDepth)
	y := make([]T, benchDepth*benchCols)
	mustRead(b, random, matrix.Rect{Rows: benchRows, Cols: benchDepth}, matrix.AsBytes(x))
	mustRead(b, random, matrix.Rect{Rows: benchDepth, Cols: benchCols}, matrix.AsBytes(y))
	results := make([][]T, tiles)
	for i := range results {
		results[i] = make([]T, benchRows*benchCols)
	}
	var raw, whole time.Duration
	var stats Stats
	var mu sync.Mutex
	for b.Loop() {
		raw += together(tiles, func(i int) {
			blas.Gemm(kernel, benchRows, benchCols, benchDepth,
				x, benchDepth, y, benchCols, results[i], benchCols, false)
		})
		whole += together(tiles, func(i int) {
			tile := matrix.Rect{
				Row:  int64(i) * benchRows,
				Rows: benchRows,
				Cols: benchCols,
			}
			t, err := engine.MultiplyTile(context.Background(), random, random, tile, dtype)
			if err != nil {
				b.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			stats = t.Stats
			t.Release()
		})
	}
	work := float64(b.N) * float64(tiles) * matrix.FLOPs(benchRows, benchDepth, benchCols) / 1e9
	b.ReportMetric(work/raw.Seconds(), "raw-GFLOP/s")
	b.ReportMetric(work/whole.Seconds(), "engine-GFLOP/s")
	b.ReportMetric(100*(whole.Seconds()/raw.Seconds()-1), "overhead-%")
	b.ReportMetric(100*stats.Checking.Seconds()/stats.Total.Seconds(), "check-%")
	b.ReportMetric(100*stats.Waiting.Seconds()/stats.Total.Seconds(), "wait-%")
	b.ReportMetric(0, "ns/op")
}

// together runs f(0) to f(n-1) at the same time and returns how long it took.
func together(n int, f func(i int)) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
	return time.Since(start)
}

// BenchmarkSmall multiplies 2×2 in memory, as the small multiplications of a service are: what a tile costs besides its
// arithmetic.
func BenchmarkSmall(b *testing.B) {
	engine := NewEngine(blas.Builtin())
	shape := matrix.Shape{
		Rows:  2,
		Cols:  2,
		DType: matrix.Float64,
	}
	m := matrix.NewMemory(shape, make([]byte, shape.Bytes()))
	for b.Loop() {
		t, err := engine.MultiplyTile(b.Context(), m, m, matrix.Rect{Rows: 2, Cols: 2}, shape.DType)
		if err != nil {
			b.Fatal(err)
		}
		t.Release()
	}
}

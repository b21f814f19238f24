package jsonrows

import (
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
)

func BenchmarkAppendRows(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	whole := make([]float64, 16*16)
	fractions := make([]float64, 16*16)
	singles := make([]float32, 16*16)
	for i := range whole {
		whole[i] = float64(random.IntN(100_000))
		fractions[i] = random.NormFloat64()
		singles[i] = float32(fractions[i])
	}
	for _, c := range []struct {
		name    string
		dtype   matrix.DType
		content []byte
	}{
		{"whole", matrix.Float64, matrix.AsBytes(whole)},
		{"fractions", matrix.Float64, matrix.AsBytes(fractions)},
		{"float32", matrix.Float32, matrix.AsBytes(singles)},
	} {
		b.Run(c.name, func(b *testing.B) {
			shape := matrix.Shape{
				Rows:  16,
				Cols:  16,
				DType: c.dtype,
			}
			dst := make([]byte, 0, 64<<10)
			b.ReportAllocs()
			b.SetBytes(int64(len(c.content)))
			for b.Loop() {
				if _, err := AppendRows(dst, shape, c.content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

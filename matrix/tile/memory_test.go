package tile

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// TestMemoryOperands: a tile of operands in memory is the same whether they are multiplied where they are, or read. One
// Engine computes tiles of any type and content, one after the other.
func TestMemoryOperands(t *testing.T) {
	t.Parallel()
	engine := NewEngine(blas.Builtin())
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		testMemoryOperands(t, engine, randomMatrix[float64](rnd, 3, 5), randomMatrix[float64](rnd, 5, 4), matrix.Float64)
		testMemoryOperands(t, engine, randomMatrix[float32](rnd, 30, 50), randomMatrix[float32](rnd, 50, 4), matrix.Float32)
		testMemoryOperands(t, engine, randomMatrix[float32](rnd, 2, 3), randomMatrix[float64](rnd, 3, 2), matrix.Float64)
		odd := randomMatrix[float64](rnd, 2, 2)
		odd.elements[rnd.IntN(4)] = math.NaN()
		testMemoryOperands(t, engine, odd, randomMatrix[float64](rnd, 2, 2), matrix.Float64)
		testMemoryOperands(t, engine, randomMatrix[float64](rnd, 2, 2), odd, matrix.Float64)
	}
}

func testMemoryOperands[A, B matrix.Float](
	t *testing.T, engine *Engine, a testMatrix[A], b testMatrix[B], dtype matrix.DType,
) {
	t.Helper()
	whole := matrix.Rect{
		Rows: a.Shape().Rows,
		Cols: b.Shape().Cols,
	}
	part := matrix.Rect{
		Row:  1,
		Rows: whole.Rows - 1,
		Cols: whole.Cols,
	}
	for _, rect := range []matrix.Rect{whole, part} {
		want := multiplied(t, engine, a, b, rect, dtype)
		for shift := range 2 {
			got := multiplied(t, engine, shifted(a, 4*shift), shifted(b, 4*shift), rect, dtype)
			if !bytes.Equal(got, want) {
				t.Errorf("%s times %s in memory, shifted by %d, is %v, read it is %v", a.Shape(), b.Shape(), 4*shift, got, want)
			}
		}
	}
}

// shifted returns a matrix in memory that begins so many bytes after an aligned address.
func shifted[T matrix.Float](m testMatrix[T], bytes int) matrix.Memory {
	content := matrix.AsBytes(m.elements)
	memory := matrix.AsBytes(make([]float64, len(content)/8+2))[bytes:]
	return matrix.NewMemory(m.Shape(), append(memory[:0], content...))
}

// multiplied returns the bytes of a tile.
func multiplied(t *testing.T, engine *Engine, a, b matrix.Source, rect matrix.Rect, dtype matrix.DType) []byte {
	t.Helper()
	tile, err := engine.MultiplyTile(t.Context(), a, b, rect, dtype)
	if err != nil {
		t.Fatal(err)
	}
	defer tile.Release()
	return bytes.Clone(tile.Bytes())
}

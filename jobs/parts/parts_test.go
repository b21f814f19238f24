package parts

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// TestSum: the parts of a tile are added in their order, whatever their number and size are, and each tile has its own.
func TestSum(t *testing.T) {
	t.Parallel()
	testSum[float64](t, matrix.Float64)
	testSum[float32](t, matrix.Float32)
}

func testSum[T matrix.Float](t *testing.T, dtype matrix.DType) {
	for _, shape := range [][2]int64{{1, 1}, {600, 501}} {
		for _, n := range []int64{2, 5} {
			s, err := blocks.NewFile(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			m := multiplication(shape, n, dtype)
			plan := m.Multiplication.Plan()
			var sums [2][]T
			for i := plan.Pieces() - 1; i >= 0; i-- { // backwards: the order of the parts counts, not that of their writing
				piece := plan.Piece(i)
				if !piece.IsSum() {
					part := random[T](i, piece.Tile.Elements())
					if err := Of(s, m, piece).Write(t.Context(), piece.Part, matrix.AsBytes(part)); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i := range plan.Pieces() {
				piece := plan.Piece(i)
				if !piece.IsSum() {
					part := random[T](i, piece.Tile.Elements())
					if piece.Part == 0 {
						sums[piece.Index] = part
						continue
					}
					for j, v := range part {
						sums[piece.Index][j] += v
					}
					continue
				}
				got, err := Of(s, m, piece).Sum(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for j, v := range matrix.AsFloats[T](got) {
					if v != sums[piece.Index][j] {
						t.Fatalf("%s, %v, %d parts: element %d of tile %d is %v, want %v", dtype, shape, n, j, piece.Index, v,
							sums[piece.Index][j])
					}
				}
			}
		}
	}
}

// multiplication returns one whose result is two tiles, one above the other, of n parts each.
func multiplication(tile [2]int64, n int64, dtype matrix.DType) store.MultiplicationWithMatrices {
	m := store.MultiplicationWithMatrices{
		Multiplication: store.Multiplication{
			M:         2 * tile[0],
			K:         10*n - 3,
			N:         tile[1],
			DType:     dtype,
			TileRows:  tile[0],
			TileCols:  tile[1],
			TileDepth: 10,
		},
	}
	m.C = store.Matrix{
		ID:        uuid.New(),
		Rows:      2 * tile[0],
		Cols:      tile[1],
		DType:     dtype,
		BlockRows: tile[0],
		BlockCols: tile[1],
	}
	return m
}

// random returns the elements of a piece, of very different magnitudes: another order of a sum is another sum.
func random[T matrix.Float](piece, n int64) []T {
	rnd := rand.New(rand.NewPCG(uint64(piece), 1))
	x := make([]T, n)
	for i := range x {
		x[i] = T(rnd.NormFloat64() * float64(int(1)<<rnd.IntN(30)))
	}
	return x
}

// TestMissingPart: a sum is not made of some of the parts.
func TestMissingPart(t *testing.T) {
	t.Parallel()
	s, err := blocks.NewFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := multiplication([2]int64{2, 2}, 3, matrix.Float64)
	for _, part := range []int64{0, 2} {
		if err := Of(s, m, m.Multiplication.Plan().Piece(part)).Write(t.Context(), part, make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Of(s, m, m.Multiplication.Plan().Piece(3)).Sum(t.Context()); !errors.Is(err, blocks.ErrMissing) {
		t.Errorf("Sum() = %v, want %v", err, blocks.ErrMissing)
	}
}

package tile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// taken keeps what a Taker is given, without copying before it must let go.
type taken struct {
	rows     []matrix.Rect
	elements [][]byte
	content  []byte // what there was when the Taker let go
	waited   int
}

func (t *taken) Take(rows matrix.Rect, elements []byte) {
	t.rows = append(t.rows, rows)
	t.elements = append(t.elements, elements)
}

func (t *taken) Wait() {
	t.waited++
	t.content = bytes.Join(t.elements, nil)
}

// TestMultiplyTo: a Taker gets each row once, from the first on, in multiples of the unit, with the bits that a tile
// has without stages; what it was given does not change while the rest is computed.
func TestMultiplyTo(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(17, 18))
	engine := NewEngine(blas.Builtin())
	for _, tt := range []struct {
		m, k, n, unit int64
		stages        int
	}{
		{1, 1, 1, 1, 1}, {5, 0, 7, 256, 1}, {383, 1100, 65, 1, 1}, {700, 1100, 33, 256, 2}, {1250, 1100, 33, 50, 3},
		{1280, 70, 9, 97, 3}, {2560, 3, 40, 256, 4}, {2561, 1025, 3, 256, 1}, {900, 20, 30, 1 << 20, 1},
	} {
		a, b := randomMatrix[float64](rnd, tt.m+3, tt.k), randomMatrix[float64](rnd, tt.k, tt.n+2)
		rect := matrix.Rect{
			Row:  2,
			Col:  1,
			Rows: tt.m,
			Cols: tt.n,
		}
		want, err := engine.MultiplyTile(t.Context(), a, b, rect, matrix.Float64)
		if err != nil {
			t.Fatal(err)
		}
		var got taken
		tile, err := engine.MultiplyTo(t.Context(), a, b, rect, matrix.Float64, tt.unit, &got)
		if err != nil {
			t.Fatal(err)
		}
		tile.Release()
		if !bytes.Equal(got.content, want.Bytes()) {
			t.Errorf("%+v: other elements than without stages", tt)
		}
		next := rect.Row
		for i, r := range got.rows {
			last := i == len(got.rows)-1
			if r.Row != next || r.Col != rect.Col || r.Cols != rect.Cols || !last && r.Rows%tt.unit != 0 {
				t.Errorf("%+v: stages %v", tt, got.rows)
			}
			next += r.Rows
		}
		if next != rect.Row+rect.Rows || len(got.rows) != tt.stages || got.waited != 1 {
			t.Errorf("%+v: stages %v, want %d; %d waits, want 1", tt, got.rows, tt.stages, got.waited)
		}
	}
}

// TestFaultInStage: a stage with a fault is not taken, those before it are right, and the memory of the tile is not
// used again before the Taker has let go of it.
func TestFaultInStage(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(19, 20))
	a, b := randomMatrix[float64](rnd, 2560, 30), randomMatrix[float64](rnd, 30, 11)
	whole := matrix.Rect{Rows: 2560, Cols: 11}
	want, err := NewEngine(blas.Builtin()).MultiplyTile(t.Context(), a, b, whole, matrix.Float64)
	if err != nil {
		t.Fatal(err)
	}
	for faulty := range 4 {
		call := 0
		kernel := hookedKernel{Kernel: blas.Builtin(), hook: func(m, _ int, c []float64, ldc int) {
			if call == faulty {
				c[(m-1)*ldc] += 1
			}
			call++
		}}
		var got taken
		_, err := NewEngine(kernel).MultiplyTo(t.Context(), a, b, whole, matrix.Float64, 256, &got)
		if !errors.Is(err, ErrCheck) || len(got.rows) != faulty || got.waited != 1 {
			t.Errorf("a fault in stage %d: %v, %d stages were taken, %d waits, want %v, %d and 1", faulty, err, len(got.rows),
				got.waited, ErrCheck, faulty)
		}
		if !bytes.Equal(got.content, want.Bytes()[:len(got.content)]) {
			t.Errorf("a fault in stage %d: the stages before it have other elements", faulty)
		}
	}
}

// TestStages: the ends of stages ascend to the last row, and no stage is too short to be worth a call.
func TestStages(t *testing.T) {
	t.Parallel()
	for _, unit := range []int64{0, 1, 3, 64, 97, 256, 1000, 1 << 18} {
		for rows := int64(1); rows < 3000; rows += 7 {
			ends := stages(rows, unit)
			before := int64(0)
			for _, end := range ends {
				if end-before < min(rows, minStage) || end < rows && (end%rowUnit != 0 || end%max(1, unit) != 0) {
					t.Fatalf("stages(%d, %d) = %v", rows, unit, ends)
				}
				before = end
			}
			if before != rows || !slices.IsSorted(ends) {
				t.Fatalf("stages(%d, %d) = %v", rows, unit, ends)
			}
		}
	}
}

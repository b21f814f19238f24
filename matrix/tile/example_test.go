package tile_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/tile"
)

// An engine computes one tile of the result at a time, checked against the operands.
func ExampleEngine_MultiplyTile() {
	a := matrix.NewMemory(matrix.Shape{
		Rows:  2,
		Cols:  3,
		DType: matrix.Float64,
	}, matrix.AsBytes([]float64{
		1, 2, 3,
		4, 5, 6,
	}))
	b := matrix.NewMemory(matrix.Shape{
		Rows:  3,
		Cols:  2,
		DType: matrix.Float64,
	}, matrix.AsBytes([]float64{
		7, 8,
		9, 10,
		11, 12,
	}))
	engine := tile.NewEngine(blas.Builtin())
	plan := matrix.NewPlan(a.Shape().Rows, a.Shape().Cols, b.Shape().Cols)
	for i := range plan.Tiles() {
		t, err := engine.MultiplyTile(context.Background(), a, b, plan.Tile(i), matrix.Float64)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(matrix.AsFloats[float64](t.Bytes()))
		t.Release()
	}
	// Output: [58 64 139 154]
}

package matrix_test

import (
	"context"
	"fmt"
	"log"

	"github.com/millrace/millrace/matrix"
)

// A plan cuts the multiplication of two large matrices into tiles of the result.
func ExamplePlan() {
	plan := matrix.NewPlan(4000, 10_000, 3000)
	fmt.Printf("%d tiles, %.1e FLOPs\n", plan.Tiles(), plan.FLOPs())
	for i := range plan.Tiles() {
		tile := plan.Tile(i)
		fmt.Printf("tile %d: %d×%d elements at (%d, %d)\n", i, tile.Rows, tile.Cols, tile.Row, tile.Col)
	}
	// Output:
	// 4 tiles, 2.4e+11 FLOPs
	// tile 0: 2048×2048 elements at (0, 0)
	// tile 1: 2048×952 elements at (0, 2048)
	// tile 2: 1952×2048 elements at (2048, 0)
	// tile 3: 1952×952 elements at (2048, 2048)
}

// A grid says in which block an element is stored.
func ExampleGrid() {
	grid := matrix.GridFor(matrix.Shape{
		Rows:  1000,
		Cols:  3000,
		DType: matrix.Float64,
	})
	fmt.Printf("%d blocks of at most %d×%d\n", grid.Blocks(), grid.BlockRows, grid.BlockCols)
	window := matrix.Rect{
		Row:  200,
		Col:  1000,
		Rows: 100,
		Cols: 100,
	}
	for i := range grid.Overlapping(window) {
		fmt.Printf("block %d covers %+v\n", i, grid.Block(i))
	}
	// Output:
	// 12 blocks of at most 256×1024
	// block 0 covers {Row:0 Col:0 Rows:256 Cols:1024}
	// block 1 covers {Row:0 Col:1024 Rows:256 Cols:1024}
	// block 3 covers {Row:256 Col:0 Rows:256 Cols:1024}
	// block 4 covers {Row:256 Col:1024 Rows:256 Cols:1024}
}

// A Source is read one rectangle at a time: here the lower right corner of a matrix in memory.
func ExampleSource() {
	elements := []float64{
		1, 2, 3,
		4, 5, 6,
		7, 8, 9,
	}
	var source matrix.Source = matrix.NewMemory(
		matrix.Shape{
			Rows:  3,
			Cols:  3,
			DType: matrix.Float64,
		}, matrix.AsBytes(elements))
	corner := make([]float64, 4)
	rect := matrix.Rect{
		Row:  1,
		Col:  1,
		Rows: 2,
		Cols: 2,
	}
	if err := source.ReadRect(context.Background(), rect, matrix.AsBytes(corner)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(corner)
	// Output: [5 6 8 9]
}

// A Striper cuts a content that arrives as a stream into the blocks that are stored.
func ExampleStriper() {
	grid := matrix.Grid{
		Rows:      2,
		Cols:      3,
		BlockRows: 2,
		BlockCols: 2,
	}
	striper := matrix.NewStriper(grid, matrix.Float64, false, func(index int64, block []byte) error {
		fmt.Printf("block %d: %v\n", index, matrix.AsFloats[float64](block))
		return nil
	})
	if _, err := striper.Write(matrix.AsBytes([]float64{1, 2, 3, 4, 5, 6})); err != nil {
		log.Fatal(err)
	}
	if err := striper.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// block 0: [1 2 4 5]
	// block 1: [3 6]
}

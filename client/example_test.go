package client_test

import (
	"context"
	"fmt"
	"os"

	"github.com/millrace/millrace/client"
)

// Upload two matrices, multiply them, and download the result.
func Example() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		panic(err)
	}
	var operands [2]client.Operand
	for i, path := range []string{"A.npy", "B.npy"} {
		m, err := c.Upload(ctx, path, func(int64) {})
		if err != nil {
			panic(err)
		}
		operands[i] = client.Stored(m.ID)
	}
	m, err := c.Submit(ctx, client.Submission{A: operands[0], B: operands[1]})
	if err != nil {
		panic(err)
	}
	m, err = c.Await(ctx, m.ID)
	if err != nil {
		panic(err)
	}
	if m.State != client.MultiplicationStateCompleted {
		fmt.Println(m.State)
		return
	}
	file, err := os.Create("C.npy")
	if err != nil {
		panic(err)
	}
	if err := c.Result(m.ID, file, func(done, total int64) {}).Run(ctx); err != nil {
		panic(err)
	}
	if err := file.Close(); err != nil {
		panic(err)
	}
}

// Follow the progress of a multiplication of random matrices.
func ExampleClient_Wait() {
	ctx := context.Background()
	c, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		panic(err)
	}
	random := client.Operand{Random: &client.RandomMatrix{Rows: 4000, Cols: 4000}}
	m, err := c.Submit(ctx, client.Submission{A: random, B: random})
	if err != nil {
		panic(err)
	}
	m, err = c.Wait(ctx, m.ID, func(e client.Event) {
		fmt.Printf("%s: %d of %d tiles\n", e.State, e.Tiles.Completed, e.Tiles.Total)
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.State)
}

// Continue a download after the bytes that an earlier one has received.
func ExampleDownload_Resume() {
	c, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		panic(err)
	}
	part, err := os.OpenFile("C.npy.part", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	defer func() { _ = part.Close() }()
	d := c.Result("01a20a2b-e14e-7d86-921d-a6528b55629e", part, func(done, total int64) {
		fmt.Printf("%d of %d bytes\n", done, total)
	})
	if err := d.Resume(part); err != nil { // reads to the end, which is where Run writes
		panic(err)
	}
	if err := d.Run(context.Background()); err != nil {
		panic(err)
	}
}

func ExampleStored() {
	operand := client.Stored("01a20a2b-e14c-7b09-8bd1-3e2f5a8c1d47")
	fmt.Println(*operand.MatrixID)
	// Output: 01a20a2b-e14c-7b09-8bd1-3e2f5a8c1d47
}

func ExampleMultiplicationState_Final() {
	fmt.Println(client.MultiplicationStateInProgress.Final(), client.MultiplicationStateFailed.Final())
	// Output: false true
}

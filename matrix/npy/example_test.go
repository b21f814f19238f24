package npy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// A .npy file is a header and the elements. Reader yields the elements of any numeric type as float64 or float32.
func ExampleReader() {
	shape := matrix.Shape{
		Rows:  2,
		Cols:  2,
		DType: matrix.Float64,
	}
	file := npy.AppendHeader(nil, shape)
	file = append(file, matrix.AsBytes([]float64{1, 2, 3, 4})...)

	reader, err := npy.NewReader(bytes.NewReader(file), 1<<30)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reader.Header().Shape)
	elements := make([]float64, reader.Header().Shape.Elements())
	if _, err := io.ReadFull(reader, matrix.AsBytes(elements)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(elements)
	// Output:
	// 2×2 float64
	// [1 2 3 4]
}

// A File turns a matrix that is not in memory into a .npy file of known size, from which any range can be read.
func ExampleFile() {
	shape := matrix.Shape{
		Rows:  1000,
		Cols:  1000,
		DType: matrix.Float32,
	}
	file := npy.NewFile(context.Background(), matrix.NewRandom(shape, 42), 0)
	defer func() { _ = file.Close() }()
	fmt.Println(file.Size(), "bytes")

	if _, err := file.Seek(-8, io.SeekEnd); err != nil {
		log.Fatal(err)
	}
	last := make([]float32, 2)
	if _, err := io.ReadFull(file, matrix.AsBytes(last)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(last)
	// Output:
	// 4000128 bytes
	// [0.15388042 0.86021346]
}

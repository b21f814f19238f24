package npy

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/millrace/millrace/matrix"
)

func BenchmarkReader(b *testing.B) {
	const rows, cols = 2048, 1024
	for _, descr := range []string{"<f8", "<f4", ">f8", ">f4", "|i1", "<i2", "<i4", ">i4", "<i8", "<u8"} {
		b.Run(descr, func(b *testing.B) {
			e, err := parseDescr(descr)
			if err != nil {
				b.Fatal(err)
			}
			file := testNPY(1, testHeader(descr, "False", "(2048, 1024)"), make([]byte, rows*cols*e.size))
			p := make([]byte, 256<<10)
			b.SetBytes(rows * cols * int64(e.dtype.Size()))
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(file), 0)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Read(p)
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendHeader(b *testing.B) {
	var dst []byte
	for b.Loop() {
		dst = AppendHeader(dst[:0], matrix.Shape{
			Rows:  10_000,
			Cols:  10_000,
			DType: matrix.Float64,
		})
	}
}

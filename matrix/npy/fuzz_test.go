package npy

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/millrace/millrace/matrix"
)

// isUserError reports whether err is an error about a user's matrix.
func isUserError(err error) bool {
	return errors.Is(err, matrix.ErrMalformed) || errors.Is(err, matrix.ErrUnsupported) ||
		errors.Is(err, matrix.ErrShape) || errors.Is(err, matrix.ErrTooLarge)
}

// FuzzReader reads arbitrary files through the reader and the Striper: whatever the bytes, the outcome is a matrix of
// the promised size or an error that says what is wrong with it.
func FuzzReader(f *testing.F) {
	f.Add([]byte{}, 7)
	f.Add(testNPY(1, testHeader("<f8", "False", "(1, 2)"), make([]byte, 16)), 1)
	f.Add(testNPY(2, testHeader(">i8", "True", "(2, 1)"), bytes.Repeat([]byte{0xff}, 16)), 3)
	f.Add(testNPY(3, testHeader("|u1", "True", "(3, 5)"), make([]byte, 15)), 100)
	f.Add(testNPY(1, testHeader("<f4", "False", "(1000000, 1000000)"), make([]byte, 15)), 100)
	f.Add([]byte("PK\x03\x04"), 1)
	f.Fuzz(func(t *testing.T, file []byte, chunk int) {
		r, err := NewReader(bytes.NewReader(file), 1<<50)
		if err != nil {
			if !isUserError(err) {
				t.Fatal(err)
			}
			return
		}
		h := r.Header()
		grid := matrix.GridFor(h.Shape)
		if h.Fortran {
			grid = matrix.ColumnGridFor(h.Shape)
		}
		total := int64(0)
		s := matrix.NewStriper(grid, h.Shape.DType, h.Fortran, func(i int64, block []byte) error {
			total += int64(len(block))
			if want := grid.Block(i).Elements() * int64(h.Shape.DType.Size()); int64(len(block)) != want {
				t.Errorf("block %d has %d bytes, want %d", i, len(block), want)
			}
			return nil
		})
		_, err = io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{r}, make([]byte, 1+uint(chunk)%4096))
		complete := err == nil
		if !complete && !isUserError(err) {
			t.Fatal(err)
		}
		if err := s.Close(); complete && (err != nil || total != h.Shape.Bytes() || int64(len(file)) != h.FileBytes()) {
			t.Fatalf("%s: %d bytes in blocks, %d in the file, %v, want %d, %d and no error",
				h.Shape, total, len(file), err, h.Shape.Bytes(), h.FileBytes())
		}
	})
}

// FuzzHeader parses arbitrary header texts. What is accepted can be written and read again.
func FuzzHeader(f *testing.F) {
	f.Add(testHeader("<f8", "False", "(3, 4)"))
	f.Add("{'shape': (10L, 2,), 'fortran_order': True, 'descr': '|u1'}  \n")
	f.Add("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (3,), }")
	f.Add("{\"descr\": '")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := newHeader(text, 1<<50)
		if err != nil {
			if !isUserError(err) || len(err.Error()) > 300 {
				t.Fatal(err)
			}
			return
		}
		if h.FileBytes() < h.ContentBytes() || h.Shape.Bytes() < 0 || h.Shape.Bytes() > 1<<50 {
			t.Fatalf("%q is %+v, want sizes within the limit", text, h)
		}
		r, err := NewReader(bytes.NewReader(AppendHeader(nil, h.Shape)), 0)
		if err != nil || r.Header().Shape != h.Shape {
			t.Fatalf("reading the header of %s again: %v, want the same shape", h.Shape, err)
		}
	})
}

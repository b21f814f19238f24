package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// writeMatrix writes a .npy file of small integers that depend on their position, and returns its path.
func writeMatrix(t *testing.T, rows, cols int, dtype matrix.DType, fortran bool) string {
	t.Helper()
	element := func(i, j int) float64 { return float64((7*i+3*j)%11 - 5) }
	descr, order := "<f8", "False"
	if dtype == matrix.Float32 {
		descr = "<f4"
	}
	if fortran {
		order = "True"
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%d, %d), }", descr, order, rows, cols)
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	file := append([]byte("\x93NUMPY\x01\x00\x76\x00"), header...)
	var numbers []float64
	for i := range rows * cols {
		if fortran {
			numbers = append(numbers, element(i%rows, i/rows))
		} else {
			numbers = append(numbers, element(i/cols, i%cols))
		}
	}
	if dtype == matrix.Float32 {
		singles := make([]float32, len(numbers))
		for i, f := range numbers {
			singles[i] = float32(f)
		}
		file = append(file, matrix.AsBytes(singles)...)
	} else {
		file = append(file, matrix.AsBytes(numbers)...)
	}
	path := filepath.Join(t.TempDir(), "M.npy")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readMatrix reads a .npy file.
func readMatrix(t *testing.T, path string) (matrix.Shape, []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := npy.NewReader(bytes.NewReader(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	return reader.Header().Shape, text[len(text)-int(reader.Header().Shape.Bytes()):]
}

// wantResult compares a file with the product of two matrices of writeMatrix.
func wantResult(t *testing.T, path string, m, k, n int, dtype matrix.DType) {
	t.Helper()
	shape, content := readMatrix(t, path)
	if want := (matrix.Shape{
		Rows:  int64(m),
		Cols:  int64(n),
		DType: dtype,
	}); shape != want {
		t.Fatalf("the result is %s, want %s", shape, want)
	}
	element := func(i, j int) float64 { return float64((7*i+3*j)%11 - 5) }
	for i := range m {
		for j := range n {
			var want float64
			for l := range k {
				want += element(i, l) * element(l, j)
			}
			var got float64
			if dtype == matrix.Float32 {
				got = float64(matrix.AsFloats[float32](content)[i*n+j])
			} else {
				got = matrix.AsFloats[float64](content)[i*n+j]
			}
			if got != want { // exact: sums of integers do not depend on their order
				t.Fatalf("element %d, %d is %v, want %v", i, j, got, want)
			}
		}
	}
}

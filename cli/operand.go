package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/millrace/millrace/client"
	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/npy"
)

// operand is one side of a product, as the command line names it.
type operand struct {
	name  string
	shape matrix.Shape
	path  string // of a .npy file that is to be uploaded, else empty
	size  int64  // of that file
	client.Operand
}

// parseOperand finds out what a word on the command line means, and its shape: what cannot be multiplied is found out
// before anything is uploaded.
func parseOperand(ctx context.Context, remote *client.Client, word string) (operand, error) {
	if text, ok := strings.CutPrefix(word, "random:"); ok {
		return randomOperand(word, text)
	}
	if id, ok := strings.CutPrefix(word, "id:"); ok {
		m, err := remote.Matrix(ctx, id)
		if err != nil {
			return operand{}, err
		}
		shape := matrix.Shape{Rows: m.Rows, Cols: m.Cols, DType: matrix.DType(m.Dtype)}
		return operand{name: word, shape: shape, Operand: client.Stored(id)}, nil
	}
	return fileOperand(word)
}

// randomOperand reads ROWSxCOLS[:SEED].
func randomOperand(word, text string) (operand, error) {
	size, seedText, seeded := strings.Cut(text, ":")
	rowText, colText, _ := strings.Cut(size, "x")
	rows, err := strconv.ParseInt(rowText, 10, 64)
	cols, err2 := strconv.ParseInt(colText, 10, 64)
	var seed int64
	var err3 error
	if seeded {
		seed, err3 = strconv.ParseInt(seedText, 10, 64)
	}
	if errors.Join(err, err2, err3) != nil || rows < 0 || cols < 0 || seed < 0 {
		return operand{}, usagef("%s: a random matrix is random:ROWSxCOLS or random:ROWSxCOLS:SEED, for example random:1000x500:7", word)
	}
	o := operand{name: word, shape: matrix.Shape{Rows: rows, Cols: cols, DType: matrix.Float64}}
	o.Random = &client.RandomMatrix{Rows: rows, Cols: cols, Seed: &seed}
	return o, nil
}

func fileOperand(path string) (operand, error) {
	file, err := os.Open(path)
	if err != nil {
		return operand{}, usageError{err}
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return operand{}, usageError{err}
	}
	if !info.Mode().IsRegular() {
		return operand{}, usagef("%s is not a file", path)
	}
	reader, err := npy.NewReader(bufio.NewReader(file), 0)
	if err != nil {
		return operand{}, usagef("%s: %w", path, err)
	}
	header := reader.Header()
	if want := header.FileBytes(); info.Size() != want {
		return operand{}, usagef("%s has %d bytes, a .npy file of %s has %d: it is not whole, or not one array", path, info.Size(), header.Shape, want)
	}
	return operand{name: path, shape: header.Shape, path: path, size: info.Size()}, nil
}

// checkOperands says whether the product of two operands is defined.
func checkOperands(a, b operand) error {
	if a.shape.Cols != b.shape.Rows {
		return usagef("%s is %d×%d and %s is %d×%d: the columns of the first must equal the rows of the second",
			a.name, a.shape.Rows, a.shape.Cols, b.name, b.shape.Rows, b.shape.Cols)
	}
	return nil
}

// String says what the operand is.
func (o operand) String() string { return fmt.Sprintf("%s (%s)", o.name, o.shape) }

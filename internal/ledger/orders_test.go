package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/millrace/millrace/matrix"
)

// order is what a client submits, and how it checks what it gets.
type order struct {
	kind      string
	tiles     int64
	regretted bool // it is cancelled and retried
	waits     bool // its request waits for the end
	poison    bool
	fate      fate
	media     string // of the body; empty: JSON
	// body returns the submission; upload stores a matrix and returns its id.
	body func(upload func(npy []byte) (string, error)) ([]byte, error)
	// check compares the result with the definition.
	check func(r result) error
}

// fate is what a client does with a multiplication.
type fate int

// The fates.
const (
	kept fate = iota
	cancelled
	deleted // when it is completed
)

// errWrong is a value that is not that of the definition.
var errWrong = errors.New("wrong value")

// integers returns a matrix of small integers, with which the arithmetic is exact.
func integers(rows, cols int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, cols)
		for j := range m[i] {
			m[i][j] = float64(rand.IntN(19) - 9)
		}
	}
	return m
}

// compare compares some rows and columns of a result with the definition.
func compare(got, a, b [][]float64) error {
	if len(got) != len(a) || len(got) > 0 && len(got[0]) != len(b[0]) {
		return fmt.Errorf("%w: %d rows, want %d", errWrong, len(got), len(a))
	}
	for i := range got {
		for j := range got[i] {
			var want, scale float64
			for l := range b {
				want += a[i][l] * b[l][j]
				scale += math.Abs(a[i][l] * b[l][j])
			}
			if diff := math.Abs(got[i][j] - want); !(diff <= 1e-5*scale) {
				return fmt.Errorf("%w: element %d, %d is %g, want %g", errWrong, i, j, got[i][j], want)
			}
		}
	}
	return nil
}

// small is a multiplication whose operands are in the request.
func small() order {
	m, k, n := 1+rand.IntN(8), 1+rand.IntN(8), 1+rand.IntN(8)
	a, b := integers(m, k), integers(k, n)
	return order{
		kind:  "small",
		tiles: 1,
		body: func(func([]byte) (string, error)) ([]byte, error) {
			return json.Marshal(map[string]any{"a": map[string]any{"values": a}, "b": map[string]any{"values": b}})
		},
		check: func(r result) error {
			got, err := r.window("")
			if err != nil {
				return err
			}
			return compare(got, a, b)
		},
	}
}

// awaited is a small multiplication whose request waits for the end.
func awaited() order {
	o := small()
	o.kind = "awaited"
	o.waits = true
	return o
}

// withdrawn is a small multiplication that is cancelled and retried.
func withdrawn() order {
	o := small()
	o.kind = "withdrawn"
	o.regretted = true
	return o
}

// stored is a multiplication of matrices that are uploaded before; they and the result are in blocks.
func stored() order {
	const side = 150
	a, b := integers(side, side), integers(side, side)
	return order{
		kind:  "stored",
		tiles: 1,
		body: func(upload func([]byte) (string, error)) ([]byte, error) {
			idA, err := upload(npyOf(a))
			if err != nil {
				return nil, err
			}
			idB, err := upload(npyOf(b))
			return []byte(fmt.Sprintf(`{"a": {"matrix_id": %q}, "b": {"matrix_id": %q}}`, idA, idB)), err
		},
		check: func(r result) error {
			got, err := r.window("")
			if err != nil {
				return err
			}
			return compare(got, a, b)
		},
	}
}

// npyOf returns a matrix as an .npy file.
func npyOf(m [][]float64) []byte {
	var file bytes.Buffer
	header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", len(m), len(m[0]))
	const prefix = 10
	padded := (prefix + len(header) + 1 + 63) / 64 * 64
	file.WriteString("\x93NUMPY\x01\x00")
	file.Write([]byte{byte((padded - prefix) % 256), byte((padded - prefix) / 256)})
	fmt.Fprintf(&file, "%-*s\n", padded-prefix-1, header)
	for _, row := range m {
		file.Write(matrix.AsBytes(row))
	}
	return file.Bytes()
}

// large is a multiplication of random matrices, of four tiles.
func large() order {
	const m, n = 2600, 2100
	return random("large", m, 2+rand.Int64N(8), n, 4)
}

// regretted is a large multiplication that is cancelled and retried.
func regretted() order {
	o := large()
	o.kind = "regretted"
	o.regretted = true
	return o
}

// random is a multiplication of generated matrices; a window at its end, in the last tile, is checked.
func random(kind string, m, k, n, tiles int64) order {
	return seeded(kind, m, k, n, tiles, rand.Int64N(1<<40))
}

// seeded is random with a seed.
func seeded(kind string, m, k, n, tiles, seed int64) order {
	const side = 4
	return order{
		kind:  kind,
		tiles: tiles,
		body: func(func([]byte) (string, error)) ([]byte, error) {
			const body = `{"a": {"random": {"rows": %d, "cols": %d, "seed": %d, "dtype": "float32"}},
				"b": {"random": {"rows": %d, "cols": %d, "seed": %d, "dtype": "float32"}}}`
			return fmt.Appendf(nil, body, m, k, seed, k, n, seed+1), nil
		},
		check: func(r result) error {
			for _, at := range [][2]int64{{0, 0}, {0, n - side}, {m - side, 0}, {m - side, n - side}} {
				got, err := r.window(fmt.Sprintf("?rows=%d:%d&cols=%d:%d", at[0], at[0]+side, at[1], at[1]+side))
				if err != nil {
					return err
				}
				a := generated(m, k, seed, matrix.Rect{
					Row:  at[0],
					Rows: side,
					Cols: k,
				})
				b := generated(k, n, seed+1, matrix.Rect{
					Col:  at[1],
					Rows: k,
					Cols: side,
				})
				if err := compare(got, a, b); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// generated returns a rectangle of a random matrix.
func generated(rows, cols, seed int64, rect matrix.Rect) [][]float64 {
	shape := matrix.Shape{
		Rows:  rows,
		Cols:  cols,
		DType: matrix.Float32,
	}
	elements := make([]float32, rect.Rows*rect.Cols)
	source := matrix.NewRandom(shape, uint64(seed))
	if err := source.ReadRect(context.Background(), rect, matrix.AsBytes(elements)); err != nil {
		panic(err) // it only fails when its context ends
	}
	m := make([][]float64, rect.Rows)
	for i := range m {
		for j := range rect.Cols {
			m[i] = append(m[i], float64(elements[int64(i)*rect.Cols+j]))
		}
	}
	return m
}

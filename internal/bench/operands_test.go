package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// order is a pair of operands and their result.
type order struct {
	a, b, result [][]float64
}

// newOrders returns orders of n×n matrices. The elements are whole numbers below limit, or random ones if it is 0:
// numbers of two digits are what people send, and random ones fill the body.
func newOrders(count, n int, whole bool) []order {
	random := rand.New(rand.NewPCG(uint64(count), uint64(n)))
	all := make([]order, count)
	for i := range all {
		all[i] = order{
			a:      newMatrix(random, n, whole),
			b:      newMatrix(random, n, whole),
			result: make([][]float64, n),
		}
		for r := range n {
			all[i].result[r] = make([]float64, n)
			for c := range n {
				for k := range n {
					all[i].result[r][c] += all[i].a[r][k] * all[i].b[k][c]
				}
			}
		}
	}
	return all
}

func newMatrix(random *rand.Rand, n int, whole bool) [][]float64 {
	m := make([][]float64, n)
	for r := range m {
		m[r] = make([]float64, n)
		for c := range m[r] {
			if m[r][c] = random.Float64(); whole {
				m[r][c] = float64(random.IntN(100))
			}
		}
	}
	return m
}

// body returns the order in JSON: a form with $A and $B for the operands.
func (o order) body(form string) []byte {
	a, _ := json.Marshal(o.a) // finite numbers
	b, _ := json.Marshal(o.b) // the same
	return []byte(strings.NewReplacer("$A", string(a), "$B", string(b)).Replace(form))
}

// check returns an error unless a response has the result: the first array of arrays in it.
func (o order) check(body []byte) error {
	at := bytes.Index(body, []byte("[["))
	if at < 0 {
		return fmt.Errorf("no matrix in %.200q", body)
	}
	var got [][]float64
	if err := json.NewDecoder(bytes.NewReader(body[at:])).Decode(&got); err != nil {
		return fmt.Errorf("%w in %.200q", err, body)
	}
	if len(got) != len(o.result) || len(got[0]) != len(o.result[0]) {
		return fmt.Errorf("%d rows, want %d", len(got), len(o.result))
	}
	for r, row := range o.result {
		for c, want := range row {
			if difference := got[r][c] - want; difference > 1e-9*want || -difference > 1e-9*want {
				return fmt.Errorf("element %d, %d is %g, want %g", r, c, got[r][c], want)
			}
		}
	}
	return nil
}

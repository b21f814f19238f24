package sums

import "unsafe"

// maxCall is the number of elements of one call of the assembly, which cannot be interrupted: some 30 µs of memory that
// is in no cache.
const maxCall = 1 << 15

// few is the number of columns below which vectors do not pay.
const few = 8

// level is an instruction set.
type level struct {
	name  string
	lanes int // float64 of a vector; 0 without vector instructions
	// The functions for elements of float64 and of float32, for one row at a time and for four.
	one64, four64, one32, four32 func(c *call)
}

// best is the level that is used.
var best = levels()[0]

// call is what the assembly sums in one call.
type call struct {
	x       unsafe.Pointer
	row     int // bytes from one row to the next
	groups  int // of rows, one or four
	vectors int // of a row
	r, w    unsafe.Pointer
	sums    unsafe.Pointer
	bounds  unsafe.Pointer
}

// addVectors is Add for whole vectors. It returns the number of columns that it has summed.
func (m Matrix) addVectors(l level, weights Weights, sum, bound []float64) int {
	if l.lanes == 0 || m.Cols < few || m.Cols < l.lanes {
		return 0
	}
	one, four := l.one64, l.four64
	if m.Size == 4 {
		one, four = l.one32, l.four32
	}
	whole := m.Cols / l.lanes * l.lanes
	for j := 0; j < whole; {
		cols := min(whole-j, maxCall/4)
		c := call{
			row:     m.Row,
			vectors: cols / l.lanes,
			r:       unsafe.Pointer(&weights.R[j]),
			w:       unsafe.Pointer(&weights.W[j]),
		}
		for i := 0; i < m.Rows; {
			c.x = unsafe.Add(m.X, i*m.Row+j*m.Size)
			c.sums = unsafe.Pointer(&sum[i])
			c.bounds = unsafe.Pointer(&bound[i])
			if m.Rows-i < 4 {
				c.groups = m.Rows - i
				one(&c)
				break
			}
			c.groups = min((m.Rows-i)/4, max(1, maxCall/cols/4))
			four(&c)
			i += 4 * c.groups
		}
		j += cols
	}
	return whole
}

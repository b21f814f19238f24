package tile

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/millrace/millrace/matrix"
)

// ErrCheck means that a computed tile is not the product of its operands. That is a fault of the machine, not of the
// data: the tile should be computed again.
var ErrCheck = errors.New("check of the result failed")

// check verifies one product C = A·B, for A of m×k and B of k×n elements, without computing it again. It works panel by
// panel, by the method of R. Freivalds, Probabilistic machines can use less running time, IFIP Congress 1977, and Fast
// probabilistic algorithms, MFCS 1979: for a random vector r, C·r is compared with A·(B·r). It costs O(mk + kn + mn)
// where the product costs O(mkn). The entries of r are reals, of magnitudes between 1/2 and 1: a single wrong element
// is found whenever it is wrong by more than twice the tolerance, and many wrong ones cancel out with a probability of
// about that tolerance over their size.
//
// check shares no code with any Kernel, and works in float64 for either T.
//
// The tolerance is what rounding can explain. With absolute values taken element by element, an inner product of length
// k has an error of at most k·u·|x|ᵀ|y| in any order of the sum (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34,
// 2013), so that row i of C·r - A·(B·r) is at most (k·u + (k + 2n)·2⁻⁵³)·(|A|·|B|·|r|)ᵢ, plus what underflow adds.
// |A|·|B|·|r| is not computed but bounded from above by way of ‖x‖₁ ≤ √n·‖x‖₂, since squares are cheaper than absolute
// values where there are no vector instructions.
//
// Inf and NaN are not compared; see nonFinite.
type check[T matrix.Float] struct {
	rows, cols int     // of C
	k          int64   // the inner length, of all panels together
	coef       float64 // the tolerance of row i is coef·bound[i] + floor
	floor      float64
	started    bool // a panel has been added

	r     []float64 // n; 0 for columns that are left out
	sum   []float64 // m; A·(B·r)
	bound []float64 // m; at least |A|·|B|·|r|
	s     []float64 // B·r of the present panel
	t     []float64 // at least |B|·|r| of the present panel
	nonFinite
}

const (
	// checkScale is a factor in r. With it no sum of the check overflows unless an element of C may.
	checkScale = 0x1p-32
	tiny64     = 0x1p-1074
)

// newCheck returns a check of products with the inner length k.
func newCheck[T matrix.Float](k int64) *check[T] { return &check[T]{k: k} }

// begin starts the check of a C of rows×cols elements, with a new random vector.
func (c *check[T]) begin(rows, cols int) {
	c.rows = rows
	c.cols = cols
	c.started = false
	c.r = resized(c.r, cols)
	for l := range c.r {
		// The sign and the fraction of a random word, with the exponent of numbers from 1/2 to 1.
		bits := rand.Uint64() //nolint:gosec // The check is against faults, not against an adversary.
		c.r[l] = checkScale * math.Float64frombits(bits&^(0x7ff<<52)|0x3fe<<52)
	}
	c.sum = resized(c.sum, rows)
	c.bound = resized(c.bound, rows)
	clear(c.sum)
	clear(c.bound)
	c.nonFinite.reset()

	k := float64(c.k)
	n := float64(cols)
	// 16 and 1 % account for the roundings in the bound itself.
	c.coef = 1.01 * (k*matrix.UnitRoundoff[T]() + (k+3*n+16)*0x1p-53)
	c.floor = 2 * (k*n*checkScale*smallest[T]() + (k+n+1)*tiny64)
}

// addPanel adds one panel before it is multiplied: a is the rows×depth and b the depth×cols matrix, without gaps.
// result is C with the leading dimension ldc; it holds the sum of the panels before, unless this is the first.
func (c *check[T]) addPanel(a, b []T, depth int, result []T, ldc int) {
	c.s = resized(c.s, depth)
	c.t = resized(c.t, depth)
	if c.multiplyB(b) {
		if c.started {
			c.subtractColumns(result, ldc)
		}
		c.fresh = c.fresh[:0]
		c.multiplyB(b)
	}
	c.multiplyA(a)
	c.started = true
}

// multiplyB sets s = B·r and t ≥ |B|·|r|. If it returns true, there are new columns to leave out, and s and t are not
// valid.
func (c *check[T]) multiplyB(b []T) bool {
	depth := len(c.s)
	cols := c.cols
	norm := math.Sqrt(float64(cols)) * 1.01
	// underflow bounds what underflow may have taken from s: once per column, in units of the tolerance.
	underflow := float64(cols) * tiny64 / c.coef
	for j := 0; j < depth; j += 4 {
		sums, squares := dotRows(b, j, depth, c.r)
		for i := range min(4, depth-j) {
			s := sums[i]
			t := norm * math.Sqrt(squares[i])
			if !safeSquare(squares[i]) {
				s, t = c.multiplyRow(b[(j+i)*cols : (j+i+1)*cols])
			}
			c.s[j+i] = s
			c.t[j+i] = t + underflow
		}
	}
	return len(c.fresh) > 0
}

// multiplyRow returns Σ b·r and Σ |b|·|r| for a row of B without the columns that are not finite, and records those. It
// squares nothing, so that it overflows and underflows less than dotRows.
func (c *check[T]) multiplyRow(row []T) (s, t float64) {
	if s, t = dotAbs(row, c.r, c.r); isFinite(t) {
		return s, t
	}
	for l, v := range row {
		c.foundInColumn(l, c.r, kindOf(v))
	}
	return dotLeavingOut(row, c.r)
}

// multiplyA adds A·s to the sum and at least |A|·t to the bound.
func (c *check[T]) multiplyA(a []T) {
	depth := len(c.s)
	norm := math.Sqrt(float64(depth)) * 1.01
	for i := 0; i < c.rows; i += 4 {
		sums, squares := dotRowsWeighted(a, i, c.rows, c.s, c.t)
		for l := range min(4, c.rows-i) {
			sum := sums[l]
			bound := norm * math.Sqrt(squares[l])
			if !safeSquare(squares[l]) {
				row := a[(i+l)*depth : (i+l+1)*depth]
				sum, bound = dotAbs(row, c.s, c.t)
				if !isFinite(bound) {
					for _, v := range row {
						c.foundInRow(i+l, c.rows, kindOf(v))
					}
				}
			}
			c.sum[i+l] += sum
			c.bound[i+l] += bound
		}
	}
}

// subtractColumns subtracts the columns that are newly left out from what the panels before have added. It takes the
// amount from C; if C is wrong there, the check fails, as it should.
func (c *check[T]) subtractColumns(result []T, ldc int) {
	for i := range c.rows {
		row := result[i*ldc : i*ldc+c.cols]
		for _, f := range c.fresh {
			c.sum[i] -= f.r * float64(row[f.column])
		}
	}
}

// finish compares with C, whose first element is at (row, col) of the whole result. Its error wraps ErrCheck.
func (c *check[T]) finish(result []T, ldc int, row, col int64) error {
	for i := range c.rows {
		line := result[i*ldc : i*ldc+c.cols]
		if err := c.finishRow(i, line); err != nil {
			return fmt.Errorf("%w: row %d, columns %d to %d: %w", ErrCheck, row+int64(i), col, col+int64(c.cols)-1, err)
		}
	}
	return nil
}

// finishRow compares row i of C.
func (c *check[T]) finishRow(i int, line []T) error {
	if err := checkRow(&c.nonFinite, i, line); err != nil || c.rowLeftOut(i) {
		return err
	}
	var got float64
	if len(c.columns) > 0 {
		got, _ = dotLeavingOut(line, c.r)
	} else {
		got = dot(line, c.r)
	}
	difference := math.Abs(got - c.sum[i])
	tolerance := c.coef*c.bound[i] + c.floor
	if difference <= tolerance {
		return nil
	}
	// If the sum of the absolute values of an element's terms exceeds the largest T, a sum of some of them may be
	// infinite. A difference that is not finite is then accepted.
	mayOverflow := c.bound[i] >= checkScale/4*largest[T]() || math.IsInf(c.bound[i], 0)
	if mayOverflow && !isFinite(difference) {
		return nil
	}
	// The message is in the units of C. The elements of r are 3/4 on average.
	return fmt.Errorf("off by about %.3g where rounding explains %.3g",
		difference/checkScale/0.75, tolerance/checkScale/0.75)
}

// safeSquare reports whether a sum of squares has lost nothing significant to overflow or underflow.
func safeSquare(x float64) bool { return x >= 0x1p-900 && x <= math.MaxFloat64 }

// isFinite reports whether x is neither Inf nor NaN.
func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

// smallest returns the least positive T, which is the most that an underflow may lose.
func smallest[T matrix.Float]() float64 {
	if matrix.UnitRoundoff[T]() == 0x1p-24 {
		return math.SmallestNonzeroFloat32
	}
	return math.SmallestNonzeroFloat64
}

// largest returns the largest finite T.
func largest[T matrix.Float]() float64 {
	if matrix.UnitRoundoff[T]() == 0x1p-24 {
		return math.MaxFloat32
	}
	return math.MaxFloat64
}

// resized returns a slice of n elements with undefined content, in the memory of s if that is large enough.
func resized[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

package tile

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/internal/sums"
)

// ErrCheck means that a computed tile is not the product of its operands. That is a fault of the machine, not of the
// data: the tile should be computed again.
var ErrCheck = errors.New("check of the result failed")

// check verifies one product C = A·B, for A of m×k and B of k×n elements, without computing it again. It works panel by
// panel, by the method of R. Freivalds, Probabilistic machines can use less running time, IFIP Congress 1977, and Fast
// probabilistic algorithms, MFCS 1979: for a random vector r, C·r is compared with A·(B·r). It costs O(mk + kn + mn)
// where the product costs O(mkn). The entries of r are reals, of magnitudes between 1/2 and 1: a single wrong element
// is found whenever it is wrong by more than four times the tolerance, and many wrong ones cancel out with a
// probability of about that tolerance over their size.
//
// The sums of A and B are in float64 for either T. Package sums takes them, which shares no code with any Kernel, or
// the built-in kernel while it packs: of the elements as it loads them from the panel, not of those that it has packed.
// C·r is taken of the finished product.
//
// The tolerance is what rounding can explain. With absolute values taken element by element, an inner product of length
// k has an error of at most k·u·|x|ᵀ|y| in any order of the sum (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34,
// 2013), so that row i of C·r - A·(B·r) is at most (k·u + (k + 2n)·2⁻⁵³)·(|A|·|B|·|r|)ᵢ, plus what underflow adds.
//
// Inf and NaN are not compared; see nonFinite.
type check[T matrix.Float] struct {
	rows, cols int     // of C
	k          int64   // the inner length, of all panels together
	coef       float64 // the tolerance of row i is coef·bound[i] + floor, unless columns are left out
	floor      float64

	r     []float64 // n; 0 for columns that are left out
	w     []float64 // n; |r|
	sum   []float64 // m; A·(B·r)
	bound []float64 // m; |A|·|B|·|r|, rounded
	sums  blas.Sums

	panel panel[T]
	nonFinite
}

// panel is the present step of a product, as the check sees it.
type panel[T matrix.Float] struct {
	a, b    []T // without gaps
	depth   int
	c       []T
	ldc     int
	started bool // C holds the sum of the panels before; otherwise they are none
	rows    int  // of the present call of the kernel, the first of C
}

const (
	// checkScale is a factor in r. With it no sum of the check overflows unless an element of C may.
	checkScale = 0x1p-32
	tiny64     = 0x1p-1074
)

// newCheck returns a check of products with the inner length k.
func newCheck[T matrix.Float](k int64) *check[T] {
	c := &check[T]{k: k}
	c.sums.Inner = c.inner
	return c
}

// takeCheck returns a check of products with the inner length k, with memory from the pool if there is some.
func takeCheck[T matrix.Float](pool *sync.Pool, k int64) *check[T] {
	c, ok := pool.Get().(*check[T])
	if !ok {
		return newCheck[T](k)
	}
	c.k = k
	return c
}

// putInto gives the memory of a check to a pool. The check may not be used any more.
func (c *check[T]) putInto(pool *sync.Pool) {
	c.panel = panel[T]{}
	pool.Put(c)
}

// begin starts the check of a C of rows×cols elements, with a new random vector.
func (c *check[T]) begin(rows, cols int) {
	c.rows = rows
	c.cols = cols
	c.panel = panel[T]{}
	c.r = resized(c.r, cols)
	c.w = resized(c.w, cols)
	for l := range c.r {
		// The sign and the fraction of a random word, with the exponent of numbers from 1/2 to 1.
		bits := rand.Uint64() //nolint:gosec // The check is against faults, not against an adversary.
		c.r[l] = checkScale * math.Float64frombits(bits&^(0x7ff<<52)|0x3fe<<52)
		c.w[l] = math.Abs(c.r[l])
	}
	c.sum = resized(c.sum, rows)
	c.bound = resized(c.bound, rows)
	clear(c.sum)
	clear(c.bound)
	c.nonFinite.reset()
	k := float64(c.k)
	n := float64(cols)
	// 1 % accounts for the roundings in the bound itself.
	c.coef = 1.01 * (k*matrix.UnitRoundoff[T]() + (k+2*n)*0x1p-53)
	c.floor = k*n*checkScale*smallest[T]() + (k+n+1)*tiny64
}

// beginPanel is called before a panel is multiplied: a is the rows×depth and b the depth×cols matrix, without gaps.
// result is C with the leading dimension ldc.
func (c *check[T]) beginPanel(a, b []T, depth int, result []T, ldc int) {
	c.panel = panel[T]{
		a:       a,
		b:       b,
		depth:   depth,
		c:       result,
		ldc:     ldc,
		started: c.panel.depth > 0,
	}
}

// of returns the sums that the kernel takes when it multiplies rows of the panel from row i on. The calls of a panel
// begin with row 0 and leave none out.
func (c *check[T]) of(i, rows int) *blas.Sums {
	c.panel.rows = i + rows
	c.sums.Columns = sums.Weights{R: c.r, W: c.w}
	c.sums.Sum = c.sum[i : i+rows]
	c.sums.Bound = c.bound[i : i+rows]
	return &c.sums
}

// spent returns how long the sums of the last call of the kernel took.
func (c *check[T]) spent() time.Duration {
	spent := c.sums.Spent
	c.sums.Spent = 0
	return spent
}

// inner looks at a part of B·r and |B|·|r|, see blas.Sums. If there are elements that are not finite, it leaves their
// columns out.
func (c *check[T]) inner(l, j, cols int, part sums.Weights) {
	b := c.panel.b[l*c.cols+j:]
	for i, t := range part.W {
		if !isFinite(t) {
			part.R[i], part.W[i] = c.multiplyRow(b[i*c.cols:i*c.cols+cols], j)
		}
	}
	if len(c.fresh) > 0 {
		c.subtractColumns(l)
		c.fresh = c.fresh[:0]
		clear(part.R)
		clear(part.W)
		sums.Of(b, c.cols, len(part.R), cols).Add(sums.Weights{R: c.r[j : j+cols], W: c.w[j : j+cols]}, part.R, part.W)
		c.inner(l, j, cols, part)
		return
	}
	// underflow bounds what underflow may have taken from B·r: once per column, in units of the tolerance.
	underflow := float64(cols) * tiny64 / c.coef
	for i := range part.W {
		part.W[i] += underflow
	}
}

// multiplyRow returns Σ b·r and Σ |b|·|r| for a part of a row of B, from column j on, without the columns that are not
// finite, and records those.
func (c *check[T]) multiplyRow(row []T, j int) (s, t float64) {
	for l, v := range row {
		c.foundInColumn(j+l, c.r, kindOf(v))
		c.w[j+l] = math.Abs(c.r[j+l])
	}
	return dotLeavingOut(row, c.r[j:j+len(row)])
}

// endPanel is called after a panel was multiplied, from one row up to another. It looks for elements of A that are not
// finite.
func (c *check[T]) endPanel(from, to int) {
	for i := from; i < to; i++ {
		if isFinite(c.bound[i]) {
			continue
		}
		for _, v := range c.panel.a[i*c.panel.depth : (i+1)*c.panel.depth] {
			c.foundInRow(i, c.rows, kindOf(v))
		}
	}
}

// subtractColumns subtracts the columns that are newly left out from what has been added: of the panels before, and of
// this one the rows of B above l, which only the present call of the kernel has used. New columns are found in the
// first call. It takes the amount from C; if C is wrong there, the check fails, as it should.
func (c *check[T]) subtractColumns(l int) {
	rows := 0
	switch {
	case c.panel.started:
		rows = c.rows
	case l > 0:
		rows = c.panel.rows
	}
	for i := range rows {
		for _, f := range c.fresh {
			c.sum[i] -= f.r * float64(c.panel.c[i*c.panel.ldc+f.column])
		}
	}
}

// finish compares with C, from one row up to another. The first element of C is at (row, col) of the whole result. The
// error wraps ErrCheck.
func (c *check[T]) finish(result []T, ldc, from, to int, row, col int64) error {
	rows := to - from
	got := make([]float64, 2*rows)
	sums.Of(result[from*ldc:], ldc, rows, c.cols).Add(sums.Weights{R: c.r, W: c.w}, got[:rows], got[rows:])
	for i := from; i < to; i++ {
		line := result[i*ldc : i*ldc+c.cols]
		if err := c.finishRow(i, line, got[i-from]); err != nil {
			return fmt.Errorf("%w: row %d, columns %d to %d: %w", ErrCheck, row+int64(i), col, col+int64(c.cols)-1, err)
		}
	}
	return nil
}

// finishRow compares row i of C, whose sum weighted with r is got if no columns are left out.
func (c *check[T]) finishRow(i int, line []T, got float64) error {
	if err := checkRow(&c.nonFinite, i, line); err != nil || c.rowLeftOut(i) {
		return err
	}
	coef := c.coef
	if len(c.columns) > 0 {
		got, _ = dotLeavingOut(line, c.r)
		coef += 1.01 * 2 * float64(len(c.columns)) * 0x1p-53 // what subtractColumns rounds
	}
	difference := math.Abs(got - c.sum[i])
	tolerance := coef*c.bound[i] + c.floor
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

// isFinite reports whether x is neither Inf nor NaN.
func isFinite(x float64) bool { return math.Abs(x) <= math.MaxFloat64 }

// smallest returns the least positive T, which is the most that an underflow may lose.
func smallest[T matrix.Float]() float64 {
	if matrix.DTypeOf[T]() == matrix.Float32 {
		return math.SmallestNonzeroFloat32
	}
	return math.SmallestNonzeroFloat64
}

// largest returns the largest finite T.
func largest[T matrix.Float]() float64 {
	if matrix.DTypeOf[T]() == matrix.Float32 {
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

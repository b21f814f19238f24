package tile

import (
	"errors"
	"math"

	"github.com/millrace/millrace/matrix"
)

// nonFinite records the rows and columns of C that a check cannot compare. If row i of A has an Inf or NaN, each
// element of row i of C is Inf or NaN, because not even 0·Inf is finite; likewise column l of C if column l of B has
// one. With a NaN each is NaN. The check leaves these rows and columns out of the comparison, but requires Inf or NaN
// there.
type nonFinite struct {
	rowKind    []kind          // by row of C; empty while all rows are finite
	columnKind []kind          // by column of C; empty while all columns are finite
	columns    []int           // the columns that are not finite
	fresh      []leftOutColumn // those of them that are not subtracted yet
}

// leftOutColumn is a column that is left out, with the element that r had for it.
type leftOutColumn struct {
	column int
	r      float64
}

// kind is what an element of C must be. Of two kinds, the larger applies.
type kind uint8

const (
	finite     kind = iota
	infinite        // Inf or NaN
	notANumber      // NaN
)

var (
	errNotFinite = errors.New("a finite element where an operand has Inf or NaN")
	errNotNaN    = errors.New("an element that is not NaN where an operand has NaN")
)

// kindOf returns the kind of x.
func kindOf[T matrix.Float](x T) kind {
	switch f := float64(x); {
	case isFinite(f):
		return finite
	case math.IsInf(f, 0):
		return infinite
	default:
		return notANumber
	}
}

func (f *nonFinite) reset() {
	f.rowKind = f.rowKind[:0]
	f.columnKind = f.columnKind[:0]
	f.columns = f.columns[:0]
	f.fresh = f.fresh[:0]
}

// foundInRow records that row i of A, one of rows, has an element of kind k. It does nothing if k is finite.
func (f *nonFinite) foundInRow(i, rows int, k kind) {
	if k == finite {
		return
	}
	if len(f.rowKind) == 0 {
		f.rowKind = resized(f.rowKind, rows)
		clear(f.rowKind)
	}
	f.rowKind[i] = max(f.rowKind[i], k)
}

// foundInColumn records that column l of B has an element of kind k, and sets r[l] to 0. It does nothing if k is
// finite.
func (f *nonFinite) foundInColumn(l int, r []float64, k kind) {
	if k == finite {
		return
	}
	if len(f.columnKind) == 0 {
		f.columnKind = resized(f.columnKind, len(r))
		clear(f.columnKind)
	}
	if f.columnKind[l] == finite {
		f.columns = append(f.columns, l)
		f.fresh = append(f.fresh, leftOutColumn{column: l, r: r[l]})
		r[l] = 0
	}
	f.columnKind[l] = max(f.columnKind[l], k)
}

// rowLeftOut reports whether row i of C is left out.
func (f *nonFinite) rowLeftOut(i int) bool { return len(f.rowKind) > 0 && f.rowKind[i] != finite }

// checkRow returns an error unless the elements of row i of C that are left out are of the required kinds.
func checkRow[T matrix.Float](f *nonFinite, i int, row []T) error {
	if f.rowLeftOut(i) {
		for _, x := range row {
			if err := mustBe(x, f.rowKind[i]); err != nil {
				return err
			}
		}
	}
	for _, l := range f.columns {
		if err := mustBe(row[l], f.columnKind[l]); err != nil {
			return err
		}
	}
	return nil
}

// mustBe returns an error unless x is of kind k or a larger one.
func mustBe[T matrix.Float](x T, k kind) error {
	switch got := kindOf(x); {
	case got >= k:
		return nil
	case got == finite:
		return errNotFinite
	default:
		return errNotNaN
	}
}

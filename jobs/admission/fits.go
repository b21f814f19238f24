package admission

import (
	"fmt"

	"github.com/millrace/millrace/matrix"
)

// Fits returns matrix.ErrShape when the product of a and b is not defined, and matrix.ErrTooLarge when one of the
// three matrices has more than maxBytes, if that is positive, or when the multiplication takes more than maxTiles.
func Fits(a, b matrix.Shape, maxBytes, maxTiles int64) error {
	if a.Cols != b.Rows {
		return fmt.Errorf("%w: a is %d×%d and b is %d×%d, the columns of a must equal the rows of b",
			matrix.ErrShape, a.Rows, a.Cols, b.Rows, b.Cols)
	}
	for _, m := range []struct {
		name  string
		shape matrix.Shape
	}{{"a", a}, {"b", b}, {"the result", a.Times(b)}} {
		if err := m.shape.Validate(maxBytes); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	plan := matrix.NewPlan(a.Rows, a.Cols, b.Cols)
	if plan.Pieces() > maxTiles {
		return fmt.Errorf("%w: the multiplication would take %d tiles, at most %d are allowed",
			matrix.ErrTooLarge, plan.Pieces(), maxTiles)
	}
	if maxK := plan.MaxK(); plan.K > maxK {
		return fmt.Errorf("%w: the inner dimension is %d, at most %d is allowed for a result of %d×%d",
			matrix.ErrTooLarge, plan.K, maxK, plan.M, plan.N)
	}
	return nil
}

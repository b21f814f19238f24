package tile

import (
	"context"
	"slices"

	"github.com/millrace/millrace/matrix"
)

// Taker takes rows of a tile while the rows below them are computed.
type Taker interface {
	// Take is given rows of the tile that are computed and checked, from the first on: their place in the result, and
	// their elements, which do not change any more and may be read until Wait has returned. Take does not wait.
	Take(rows matrix.Rect, elements []byte)
	// Wait returns when the Taker reads the elements no more.
	Wait()
}

// MultiplyTo is MultiplyTile with a Taker, which gets all rows of a tile that is computed and checked. It gets them in
// stages: multiples of unit rows, but for the last. If the tile cannot be computed after all, it may have got some.
func (e *Engine) MultiplyTo(
	ctx context.Context, a, b matrix.Source, tile matrix.Rect, dtype matrix.DType, unit int64, taker Taker,
) (*Tile, error) {
	return e.multiply(ctx, a, b, &Tile{
		Rect:  tile,
		DType: dtype,
		depth: a.Shape().Cols,
		taker: taker,
		unit:  unit,
	})
}

// minStage is the least number of rows of a stage: few enough calls of the kernel that packing B for each costs little.
// It is a multiple of rowUnit.
const minStage = 3 * minCallRows

// stageEnds are where stages end, in hundredths of the rows. The last stages are the short ones: what a Taker does with
// one takes as long as computing the next, and nothing is computed while it is busy with the last.
var stageEnds = []int64{40, 70, 90}

// stages returns the rows of a tile of so many rows at which the stages end, in ascending order.
func stages(rows, unit int64) (ends []int64) {
	least := max(1, unit)
	for unit = least; unit < minStage || unit%rowUnit != 0; {
		unit += least
	}
	for _, hundredths := range stageEnds {
		end := (rows*hundredths/100 + unit/2) / unit * unit
		if end > 0 && rows-end >= minStage && !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
	}
	return append(ends, rows)
}

// addInStages is add for the last step of a tile of one band: what is done is checked and taken stage by stage.
func (r *run[T]) addInStages(ctx context.Context, step panelStep, p operandPanels[T], c []T) error {
	from := 0
	for _, end := range stages(step.c.Rows, r.tile.unit) {
		to := int(end)
		if err := r.multiply(ctx, from, to, p, c, !step.first); err != nil {
			return err
		}
		if err := r.checked(step, from, to, c); err != nil {
			return err
		}
		rows := matrix.Rect{
			Row:  step.c.Row + int64(from),
			Col:  step.c.Col,
			Rows: int64(to - from),
			Cols: step.c.Cols,
		}
		r.tile.taker.Take(rows, matrix.AsBytes(c[from*p.cols:to*p.cols]))
		from = to
	}
	return nil
}

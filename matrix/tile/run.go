package tile

import (
	"context"
	"time"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/matrix/internal/round"
)

const (
	// callTime is the intended maximum duration of a call of the kernel, which cannot be interrupted. A BLAS multiplies
	// the panels of a tile of full size in less; a second call would pack B again, which takes 1 % of its time.
	callTime = 300 * time.Millisecond
	// firstFLOPs is the work of the first call: 10 ms with a BLAS, 100 ms on a slow machine without one.
	firstFLOPs = 5e8
	// minCallRows is the least number of rows of a call. For fewer, packing B would not pay.
	minCallRows = 64
	// rowUnit is what the rows of a call are a multiple of: with it the built-in kernel gives the same bits however long
	// the calls are, which depends on the speed of the machine.
	rowUnit = blas.RowUnit
)

// run is the computation of one tile.
type run[T matrix.Float] struct {
	kernel blas.Kernel
	cache  *panelCache
	a, b   matrix.Source
	tile   *Tile
	plan   panelPlan
	c      []T // tile.Rect.Rows × tile.Rect.Cols
	check  *check[T]
	// callFLOPs is the work of a call of the kernel that takes callTime. It follows the measured speed.
	callFLOPs float64
}

// panels are the panels of one step.
type panels struct{ a, b panelUse }

// multiplyTile computes the elements of t.
func multiplyTile[T matrix.Float](ctx context.Context, e *Engine, a, b matrix.Source, t *Tile) error {
	c := matrix.AsFloats[T](t.data)
	if t.Rect.Empty() || t.depth == 0 {
		clear(c)
		if t.taker != nil {
			t.taker.Take(t.Rect, t.data)
		}
		return ctx.Err()
	}
	plan := newPanelPlan(a.Shape(), b.Shape(), t.Rect, t.from, t.depth)
	r := &run[T]{
		kernel:    e.kernel,
		cache:     &e.cache,
		a:         a,
		b:         b,
		tile:      t,
		plan:      plan,
		c:         c,
		check:     takeCheck[T](&e.checks, plan.k),
		callFLOPs: firstFLOPs,
	}
	defer r.check.putInto(&e.checks)
	if err := r.run(ctx); err != nil {
		return err
	}
	if t.taker != nil && plan.bands().Blocks() > 1 {
		t.taker.Take(t.Rect, t.data)
	}
	return nil
}

// run performs the steps one after the other. During each it reads the panels of the next.
func (r *run[T]) run(ctx context.Context) error {
	steps := r.plan.steps()
	ahead := r.ahead()
	r.cache.want(ahead, 1)
	defer func() { r.cache.want(ahead, -1) }()
	come := func() { // to the next step
		r.cache.want(ahead[:min(1, len(ahead))], -1)
		ahead = ahead[min(1, len(ahead)):]
	}
	next := r.get(ctx, 0)
	come()
	for i := range steps {
		present := next
		err := r.await(ctx, &present)
		if err != nil {
			r.release(present)
			return err
		}
		if i+1 < steps {
			next = r.get(ctx, i+1)
			come()
		}
		err = r.add(ctx, r.plan.step(i), present)
		r.release(present)
		if err != nil {
			if i+1 < steps {
				r.release(next)
			}
			return err
		}
	}
	return nil
}

// get returns the panels of step i, which may still be on their way.
func (r *run[T]) get(ctx context.Context, i int64) panels {
	step := r.plan.step(i)
	return panels{
		a: r.getPanel(ctx, "a", r.a, step.a, true),
		b: r.getPanel(ctx, "b", r.b, step.b, false),
	}
}

// maxAhead is the number of steps of a tile up to which it is noted what it will come to.
const maxAhead = 1024

// ahead returns the keys of the panels of B that other tiles may share, one for each step.
func (r *run[T]) ahead() (keys []panelKey) {
	steps := r.plan.steps()
	if _, ok := r.b.(matrix.Content); !ok || steps > maxAhead || r.plan.step(0).b.Elements() < minShared {
		return nil
	}
	for i := range steps {
		keys = append(keys, r.key(r.b, r.plan.step(i).b))
	}
	return keys
}

// key returns the key of a panel.
func (r *run[T]) key(source matrix.Source, rect matrix.Rect) panelKey {
	key := panelKey{rect: rect, size: r.tile.DType.Size()}
	_, key.present = source.(matrix.Memory)
	if c, ok := source.(matrix.Content); ok && rect.Elements() >= minShared {
		key.content = c.ContentKey()
	}
	return key
}

// getPanel returns a panel. The next tile in the row will want it again if that is said.
func (r *run[T]) getPanel(
	ctx context.Context, name string, source matrix.Source, rect matrix.Rect, again bool,
) panelUse {
	if m, ok := source.(matrix.Memory); ok && rect == m.Shape().Rect() {
		if elements, ok := matrix.ElementsOf[T](m); ok {
			return panelUse{data: matrix.AsBytes(elements)}
		}
	}
	key := r.key(source, rect)
	return r.cache.get(ctx, key, int(rect.Elements())*key.size, again, func(ctx context.Context, dst []byte) error {
		return readPanel(ctx, name, source, rect, matrix.AsFloats[T](dst))
	})
}

// await returns when the panels have been read, or one of them could not. What another tile could not read is tried
// again: it may have had a reason of its own.
func (r *run[T]) await(ctx context.Context, p *panels) error {
	a, b := p.a.read(), p.b.read()
	if a == nil && b == nil {
		return nil
	}
	start := time.Now()
	defer func() { r.tile.Stats.Waiting += time.Since(start) }()
	for a != nil || b != nil {
		var done *panelUse
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-a:
			a, done = nil, &p.a
		case <-b:
			b, done = nil, &p.b
		}
		if done.first {
			r.tile.Stats.Reading += done.took
		}
		if done.err != nil {
			if done.first {
				return done.err
			}
			return r.tryAgain(ctx, p, done)
		}
	}
	return nil
}

// tryAgain reads a panel for this tile, and awaits both.
func (r *run[T]) tryAgain(ctx context.Context, p *panels, failed *panelUse) error {
	name, source := "a", r.a
	if failed == &p.b {
		name, source = "b", r.b
	}
	key, again := failed.key, failed.again
	key.content = nil
	r.cache.release(*failed)
	*failed = r.cache.get(ctx, key, int(key.rect.Elements())*key.size, again,
		func(ctx context.Context, dst []byte) error {
			return readPanel(ctx, name, source, key.rect, matrix.AsFloats[T](dst))
		})
	return r.await(ctx, p)
}

// release gives the panels of a step back.
func (r *run[T]) release(p panels) {
	r.cache.release(p.a)
	r.cache.release(p.b)
}

// operandPanels are the panels of one step: a of rows×depth and b of depth×cols, added to C of leading dimension ldc.
type operandPanels[T matrix.Float] struct {
	a, b              []T
	rows, depth, cols int
	ldc               int
}

// add adds the product of the panels of one step to its band, and checks the band after its last step.
func (r *run[T]) add(ctx context.Context, step panelStep, p panels) error {
	o := operandPanels[T]{
		rows:  int(step.a.Rows),
		depth: int(step.a.Cols),
		cols:  int(step.b.Cols),
		ldc:   int(r.tile.Rect.Cols),
	}
	o.a = matrix.AsFloats[T](p.a.data)[:o.rows*o.depth]
	o.b = matrix.AsFloats[T](p.b.data)[:o.depth*o.cols]
	c := r.c[(step.c.Row-r.tile.Rect.Row)*r.tile.Rect.Cols+step.c.Col-r.tile.Rect.Col:]

	start := time.Now()
	if step.first {
		r.check.begin(o.rows, o.cols)
	}
	r.check.beginPanel(o.a, o.b, o.depth, c, o.ldc)
	r.tile.Stats.Checking += time.Since(start)

	if step.last && r.tile.taker != nil && step.c == r.tile.Rect {
		return r.addInStages(ctx, step, o, c)
	}
	if err := r.multiply(ctx, 0, o.rows, o, c, !step.first); err != nil {
		return err
	}
	return r.checked(step, 0, o.rows, c)
}

// checked ends the check of a step, from one row of the band up to another.
func (r *run[T]) checked(step panelStep, from, to int, c []T) (err error) {
	start := time.Now()
	r.check.endPanel(from, to)
	if step.last {
		err = r.check.finish(c, int(r.tile.Rect.Cols), from, to, step.c.Row, step.c.Col)
	}
	r.tile.Stats.Checking += time.Since(start)
	return err
}

// multiply multiplies from one row up to another. It calls the kernel for as many rows at a time as callFLOPs allows,
// and checks the context between the calls.
func (r *run[T]) multiply(ctx context.Context, from, to int, p operandPanels[T], c []T, accumulate bool) error {
	perRow := 2 * float64(p.cols) * float64(p.depth)
	for i := from; i < to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		atMost := max(minCallRows, int(r.callFLOPs/perRow))
		rows := min(to-i, int(round.Even(int64(to-i), int64(atMost), rowUnit)))
		blas.GemmWithSums(r.kernel, rows, p.cols, p.depth, p.a[i*p.depth:], p.depth, p.b, p.cols, c[i*p.ldc:], p.ldc,
			accumulate, r.check.of(i, rows))
		elapsed := time.Since(start)
		checking := r.check.spent()
		r.tile.Stats.Checking += checking
		r.tile.Stats.Kernel += elapsed - checking
		if work := float64(rows) * perRow; work >= firstFLOPs/2 {
			r.callFLOPs = max(firstFLOPs, work*float64(callTime)/float64(max(elapsed, 1)))
		}
		i += rows
	}
	return nil
}

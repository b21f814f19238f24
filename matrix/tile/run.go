package tile

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

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
)

// run is the computation of one tile.
type run[T matrix.Float] struct {
	kernel blas.Kernel
	a, b   matrix.Source
	tile   *Tile
	plan   panelPlan
	c      []T // tile.Rect.Rows × tile.Rect.Cols
	slots  [2]panelSlot[T]
	check  *check[T]
	// callFLOPs is the work of a call of the kernel that takes callTime. It follows the measured speed.
	callFLOPs float64
}

// panelSlot holds the panels of one step.
type panelSlot[T matrix.Float] struct {
	a, b    []T
	reading time.Duration
	done    chan error
}

// multiplyTile computes the elements of t.
func multiplyTile[T matrix.Float](ctx context.Context, e *Engine, a, b matrix.Source, t *Tile) error {
	c := matrix.AsFloats[T](t.data)
	if t.Rect.Empty() || a.Shape().Cols == 0 {
		clear(c)
		return ctx.Err()
	}
	plan := newPanelPlan(a.Shape(), b.Shape(), t.Rect)
	r := &run[T]{
		kernel:    e.kernel,
		a:         a,
		b:         b,
		tile:      t,
		plan:      plan,
		c:         c,
		check:     newCheck[T](plan.k),
		callFLOPs: firstFLOPs,
	}
	size := t.DType.Size()
	for i := range min(plan.steps(), 2) {
		panelA := e.buffers.take(int(plan.rows*plan.depth) * size)
		defer e.buffers.put(panelA)
		panelB := e.buffers.take(int(plan.depth*plan.cols) * size)
		defer e.buffers.put(panelB)
		r.slots[i] = panelSlot[T]{
			a:    matrix.AsFloats[T](panelA),
			b:    matrix.AsFloats[T](panelB),
			done: make(chan error, 1),
		}
	}
	return r.run(ctx)
}

// run performs the steps one after the other. During each it reads the panels of the next.
func (r *run[T]) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	steps := r.plan.steps()
	r.startReading(ctx, 0)
	for i := range steps {
		slot := &r.slots[i%2]
		start := time.Now()
		err := <-slot.done
		r.tile.Stats.Waiting += time.Since(start)
		r.tile.Stats.Reading += slot.reading
		if err != nil {
			return err
		}
		if i+1 < steps {
			r.startReading(ctx, i+1)
		}
		if err := r.add(ctx, r.plan.step(i), slot); err != nil {
			if i+1 < steps {
				stop()
				<-r.slots[(i+1)%2].done //nolint:errcheck // The first error is returned; this waits for the end.
			}
			return err
		}
	}
	return nil
}

// startReading starts to read the panels of step i. It sends the outcome to done of their slot.
func (r *run[T]) startReading(ctx context.Context, i int64) {
	slot := &r.slots[i%2]
	step := r.plan.step(i)
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return readPanel(ctx, "a", r.a, step.a, slot.a) })
	group.Go(func() error { return readPanel(ctx, "b", r.b, step.b, slot.b) })
	go func() {
		err := group.Wait()
		slot.reading = time.Since(start)
		slot.done <- err
	}()
}

// readPanel reads a rectangle as elements of T, without gaps. checkOperands has rejected float64 where T is float32.
func readPanel[T matrix.Float](ctx context.Context, name string, source matrix.Source, r matrix.Rect, dst []T) error {
	dst = dst[:r.Elements()]
	raw := matrix.AsBytes(dst)
	wide, mixed := any(dst).([]float64)
	mixed = mixed && source.Shape().DType == matrix.Float32
	if mixed {
		raw = raw[len(raw)/2:]
	}
	if err := source.ReadRect(ctx, r, raw); err != nil {
		return fmt.Errorf("read %d×%d of %s at (%d, %d): %w", r.Rows, r.Cols, name, r.Row, r.Col, err)
	}
	if mixed {
		widenUpperHalf(wide)
	}
	return nil
}

// widenUpperHalf turns the len(x) elements of float32 in the upper half of x's memory into the elements of x. In
// ascending order no element is overwritten before it has been read: x[i] covers the elements up to 2i+1-len(x) ≤ i.
func widenUpperHalf(x []float64) {
	narrow := matrix.AsFloats[float32](matrix.AsBytes(x)[4*len(x):])
	for i := range x {
		x[i] = float64(narrow[i])
	}
}

// add adds the product of the panels of one step to its band, and checks the band after its last step.
func (r *run[T]) add(ctx context.Context, step panelStep, slot *panelSlot[T]) error {
	rows := int(step.a.Rows)
	depth := int(step.a.Cols)
	cols := int(step.b.Cols)
	ldc := int(r.tile.Rect.Cols)
	c := r.c[(step.c.Row-r.tile.Rect.Row)*r.tile.Rect.Cols+step.c.Col-r.tile.Rect.Col:]
	a := slot.a[:rows*depth]
	b := slot.b[:depth*cols]

	start := time.Now()
	if step.first {
		r.check.begin(rows, cols)
	}
	r.check.beginPanel(a, b, depth, c, ldc)
	r.tile.Stats.Checking += time.Since(start)

	if err := r.multiply(ctx, rows, cols, depth, a, b, c, ldc, !step.first); err != nil {
		return err
	}
	start = time.Now()
	r.check.endPanel()
	var err error
	if step.last {
		err = r.check.finish(c, ldc, step.c.Row, step.c.Col)
	}
	r.tile.Stats.Checking += time.Since(start)
	return err
}

// multiply calls the kernel for as many rows at a time as callFLOPs allows, and checks the context between the calls.
func (r *run[T]) multiply(
	ctx context.Context, m, n, k int, a, b, c []T, ldc int, accumulate bool,
) error {
	perRow := 2 * float64(n) * float64(k)
	for i := 0; i < m; {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		atMost := max(minCallRows, int(r.callFLOPs/perRow))
		rows := int(round.Even(int64(m-i), int64(atMost), 1))
		blas.GemmWithSums(r.kernel, rows, n, k, a[i*k:], k, b, n, c[i*ldc:], ldc, accumulate, r.check.of(i, rows))
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

package tile

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// These tests check for leaked goroutines, so that they do not run in parallel with others.

var errEnough = errors.New("enough")

// TestEngineCancelledWhileComputing: the context is looked at between the calls of the kernel in a step, also in the
// last one, and in stages.
func TestEngineCancelledWhileComputing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, tt := range []struct {
		inner int64
		taker Taker
	}{{inner: 20_000}, {inner: 1000}, {inner: 1000, taker: &taken{}}} {
		ctx, cancel := context.WithCancelCause(context.Background())
		random := func(rows, cols int64) matrix.Source {
			return matrix.NewRandom(matrix.Shape{
				Rows:  rows,
				Cols:  cols,
				DType: matrix.Float64,
			}, 1)
		}
		calls := 0
		kernel := hookedKernel{Kernel: noKernel{}, hook: func(m, _ int, _ []float64, _ int) {
			if calls++; m > 128 {
				t.Errorf("the first call has %d rows, want it short", m)
			}
			cancel(errEnough)
		}}
		engine := NewEngine(kernel)
		rect := matrix.Rect{Rows: 500, Cols: 4096}
		_, err := engine.MultiplyTo(ctx, random(500, tt.inner), random(tt.inner, 4096), rect, matrix.Float64, 1, tt.taker)
		if !errors.Is(err, errEnough) || calls != 1 {
			t.Errorf("%+v: MultiplyTo() = %v after %d calls, want %v after 1", tt, err, calls, errEnough)
		}
		checkUnused(t, engine)
	}
}

// TestCallsAreShort: a call of the kernel has no more rows than take about the time in which a tile can be cancelled,
// by the speed of the call before.
func TestCallsAreShort(t *testing.T) {
	const slow = callTime / 3
	var calls []int
	kernel := hookedKernel{Kernel: noKernel{}, hook: func(m, _ int, _ []float64, _ int) {
		if calls = append(calls, m); len(calls) == 1 {
			time.Sleep(slow) // the time of the call is what decides
		}
	}}
	random := matrix.NewRandom(matrix.Shape{
		Rows:  2000,
		Cols:  2000,
		DType: matrix.Float64,
	}, 1)
	rect := matrix.Rect{Rows: 700, Cols: 2000}
	_, err := NewEngine(kernel).MultiplyPart(context.Background(), random, random, rect, 0, 1000, matrix.Float64)
	first := int(firstFLOPs / (2 * 1000 * 2000))
	if err != nil && !errors.Is(err, ErrCheck) || len(calls) < 3 || calls[0] > first || calls[1] > 3*calls[0] {
		t.Errorf("calls of %d rows, %v, want at most %d in the first and three times as many in the next", calls, err, first)
	}
}

// checkUnused fails the test if panels are in use, or held without being kept, although no tile is in work.
func checkUnused(t *testing.T, e *Engine) {
	t.Helper()
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	kept, uses := int64(0), e.cache.inUse
	for _, p := range e.cache.entries {
		kept += int64(len(p.data))
		uses = max(uses, p.uses)
	}
	if uses != 0 || e.cache.held != kept {
		t.Errorf("%d panels are in use when no tile is in work, %d bytes are held, want none and %d", uses, e.cache.held, kept)
	}
}

// noKernel takes no time.
type noKernel struct{ blas.Kernel }

func (noKernel) Dgemm(int, int, int, []float64, int, []float64, int, []float64, int, bool) {}

func TestEngineCancelledWhileReading(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rnd := rand.New(rand.NewPCG(1, 2))
	a, b := randomMatrix[float64](rnd, 5, 5000), randomMatrix[float64](rnd, 5000, 6)
	for blocked := range 4 {
		ctx, cancel := context.WithCancelCause(context.Background())
		reads := 0
		waiting := hookedSource{a, func(ctx context.Context) error {
			if reads++; reads <= blocked {
				return nil
			}
			cancel(errEnough)
			<-ctx.Done()
			return ctx.Err()
		}}
		_, err := NewEngine(blas.Builtin()).MultiplyTile(ctx, waiting, b, matrix.Rect{Rows: 5, Cols: 6}, matrix.Float64)
		if !errors.Is(err, errEnough) {
			t.Errorf("read %d: MultiplyTile() = %v, want %v", blocked, err, errEnough)
		}
	}
}

func TestEngineCancelledBefore(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	random := matrix.NewRandom(matrix.Shape{
		Rows:  10,
		Cols:  10,
		DType: matrix.Float64,
	}, 1)
	for _, rect := range []matrix.Rect{{Rows: 9, Cols: 9}, {}} {
		_, err := NewEngine(blas.Builtin()).MultiplyTile(ctx, random, random, rect, matrix.Float64)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("MultiplyTile() of %v = %v, want %v", rect, err, context.Canceled)
		}
	}
}

// TestEngineStopsReading: an operand that fails ends the reading of the other one.
func TestEngineStopsReading(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rnd := rand.New(rand.NewPCG(3, 4))
	a, b := randomMatrix[float64](rnd, 5, 5000), randomMatrix[float64](rnd, 5000, 6)
	var ended atomic.Int32
	blocks := hookedSource{a, func(ctx context.Context) error {
		<-ctx.Done()
		ended.Add(1)
		return ctx.Err()
	}}
	fails := hookedSource{b, func(context.Context) error { return errEnough }}
	whole := matrix.Rect{Rows: 5, Cols: 6}
	_, err := NewEngine(blas.Builtin()).MultiplyTile(context.Background(), blocks, fails, whole, matrix.Float64)
	if !errors.Is(err, errEnough) || ended.Load() != 1 {
		t.Errorf("MultiplyTile() = %v, %d reads ended, want %v and 1", err, ended.Load(), errEnough)
	}
}

// TestReadsEnd: what a source has begun for a read ends with it, without an end of the tile's context.
func TestReadsEnd(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	rnd := rand.New(rand.NewPCG(5, 6))
	a, b := randomMatrix[float64](rnd, 5, 2000), randomMatrix[float64](rnd, 2000, 6)
	var reads []context.Context
	watched := hookedSource{a, func(ctx context.Context) error {
		reads = append(reads, ctx)
		return ctx.Err()
	}}
	whole := matrix.Rect{Rows: 5, Cols: 6}
	if _, err := NewEngine(blas.Builtin()).MultiplyTile(context.Background(), watched, b, whole, matrix.Float64); err != nil {
		t.Fatal(err)
	}
	for i, ctx := range reads {
		if ctx.Err() == nil {
			t.Errorf("the context of read %d of %d has not ended", i, len(reads))
		}
	}
	if len(reads) != 2 {
		t.Errorf("%d reads, want 2", len(reads))
	}
}

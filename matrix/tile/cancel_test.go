package tile

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/millrace/millrace/matrix"
	"github.com/millrace/millrace/matrix/blas"
)

// These tests check for leaked goroutines, so that they do not run in parallel with others.

var errEnough = errors.New("enough")

func TestEngineCancelledWhileComputing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancelCause(context.Background())
	// The first panel takes five calls.
	random := matrix.NewRandom(matrix.Shape{
		Rows:  20_000,
		Cols:  20_000,
		DType: matrix.Float64,
	}, 1)
	calls := 0
	kernel := hookedKernel{Kernel: noKernel{}, hook: func(int, int, []float64, int) {
		if calls++; calls == 3 {
			cancel(errEnough)
		}
	}}
	_, err := NewEngine(kernel).MultiplyTile(ctx, random, random, matrix.Rect{Rows: 500, Cols: 2048}, matrix.Float64)
	if !errors.Is(err, errEnough) || calls != 3 {
		t.Errorf("MultiplyTile() = %v after %d calls, want %v after 3", err, calls, errEnough)
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
	_, err := NewEngine(blas.Builtin()).MultiplyTile(ctx, random, random, matrix.Rect{Rows: 9, Cols: 9}, matrix.Float64)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("MultiplyTile() = %v, want %v", err, context.Canceled)
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

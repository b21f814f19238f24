package jobs_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/matrix/blas"
)

// faultyKernel is a real kernel whose results can be spoilt, and whose work can be held up.
type faultyKernel struct {
	blas.Kernel
	corrupt atomic.Int64                  // how many of the next calls return a wrong element
	panics  atomic.Int64                  // how many of the next calls panic
	calls   atomic.Int64                  // how many calls there were
	began   chan struct{}                 // gets a value with each call, unless it is full
	seen    int64                         // values that waitForCalls has received
	hold    atomic.Pointer[chan struct{}] // calls wait until it is closed
}

func newFaultyKernel(kernel blas.Kernel) *faultyKernel {
	return &faultyKernel{Kernel: kernel, began: make(chan struct{}, 1000)}
}

// Dgemm implements blas.Kernel.
func (f *faultyKernel) Dgemm(
	m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool,
) {
	f.calls.Add(1)
	select {
	case f.began <- struct{}{}:
	default:
	}
	if gate := f.hold.Load(); gate != nil {
		<-*gate
	}
	if f.panics.Add(-1) >= 0 {
		panic("open /secret/path: no such file")
	}
	f.Kernel.Dgemm(m, n, k, a, lda, b, ldb, c, ldc, accumulate)
	if f.corrupt.Add(-1) >= 0 {
		c[0]++
	}
}

// block makes all calls wait for release, which it returns.
func (f *faultyKernel) block() (release func()) {
	gate := make(chan struct{})
	f.hold.Store(&gate)
	return f.release
}

// release lets all calls go on. It may be called twice.
func (f *faultyKernel) release() {
	if gate := f.hold.Swap(nil); gate != nil {
		close(*gate)
	}
}

// waitForCalls returns when n calls have begun.
func (f *faultyKernel) waitForCalls(t *testing.T, n int64) {
	t.Helper()
	timeout := time.After(waitTimeout)
	for f.seen < n {
		select {
		case <-f.began:
			f.seen++
		case <-timeout:
			t.Fatalf("got %d calls after %s, want %d", f.seen, waitTimeout, n)
		}
	}
}

package jobs_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/matrix/blas"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/blocks"
)

// countedBlocks counts how often each block is written.
type countedBlocks struct {
	blocks.Store
	first chan struct{} // closed when one was

	mu     sync.Mutex
	writes map[int64]int
}

// Put implements blocks.Store.
func (c *countedBlocks) Put(ctx context.Context, matrix uuid.UUID, index int64, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.writes) == 0 {
		close(c.first)
	}
	c.writes[index]++
	return c.Store.Put(ctx, matrix, index, data)
}

// waitingKernel goes on after its first call when something has happened.
type waitingKernel struct {
	blas.Kernel
	t     *testing.T
	calls int
	until <-chan struct{}
}

// Dgemm implements blas.Kernel.
func (w *waitingKernel) Dgemm(
	m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool,
) {
	if w.calls++; w.calls > 1 {
		select {
		case <-w.until:
		case <-time.After(waitTimeout):
			w.t.Error("nothing is written before the whole tile is computed")
		}
	}
	w.Kernel.Dgemm(m, n, k, a, lda, b, ldb, c, ldc, accumulate)
}

// TestRowsAreWrittenEarly: rows of a tile are written while those below them are computed, and each block once.
func TestRowsAreWrittenEarly(t *testing.T) {
	b := setup(t)
	counted := &countedBlocks{
		Store:  b.store.Blocks,
		first:  make(chan struct{}),
		writes: map[int64]int{},
	}
	b.kernel = newFaultyKernel(&waitingKernel{
		Kernel: blas.Builtin(),
		t:      t,
		until:  counted.first,
	})
	c := b.clientOn(store.Open(b.store.Pool, counted, time.Hour), queue.Config{Work: true, Lead: true})
	id := b.submit(c, 1280, 2, 2048)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.ends(id, jobs.Completed)
	counted.mu.Lock()
	defer counted.mu.Unlock()
	if len(counted.writes) == 0 {
		t.Error("no block is written, want some")
	}
	for index, n := range counted.writes {
		if n != 1 {
			t.Errorf("block %d is written %d times, want once", index, n)
		}
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy means that too many large matrices are being transferred. The condition passes.
var ErrBusy = errors.New("too many large transfers at once, try again later")

const (
	// DefaultTransferMemory bounds the buffers of all uploads and downloads of one process, in bytes.
	DefaultTransferMemory = 128 << 20
	// memoryWait is how long a transfer waits for its share before its client is told to come back.
	memoryWait = 20 * time.Second

	readMemory = 32 << 20 // the two windows of an npy.File
)

// budget bounds the memory of transfers. A transfer that asks for more than the whole budget gets the whole budget.
type budget struct {
	shares  *semaphore.Weighted
	size    int64
	used    atomic.Int64
	waiting atomic.Int64 // transfers, not bytes
}

func newBudget(size int64) *budget { return &budget{shares: semaphore.NewWeighted(size), size: size} }

// reserve waits for n bytes and returns the function that gives them back.
func (b *budget) reserve(ctx context.Context, n int64) (release func(), err error) {
	n = min(n, b.size)
	waiting, cancel := context.WithTimeout(ctx, memoryWait)
	defer cancel()
	b.waiting.Add(1)
	err = b.shares.Acquire(waiting, n)
	b.waiting.Add(-1)
	if err != nil {
		if ctx.Err() == nil {
			err = ErrBusy
		}
		return nil, fmt.Errorf("waiting for %d bytes of memory: %w", n, err)
	}
	b.used.Add(n)
	return func() {
		b.used.Add(-n)
		b.shares.Release(n)
	}, nil
}

// ReserveRead waits for the memory that it takes to read some bytes of a matrix as a stream, and returns the function
// that gives it back. ErrBusy when it takes too long.
func (s *Store) ReserveRead(ctx context.Context, m Matrix, bytes int64) (release func(), err error) {
	if !m.InBlocks() && m.Seed == nil {
		return func() {}, nil
	}
	return s.memory.reserve(ctx, 2*min(readMemory/2, bytes))
}

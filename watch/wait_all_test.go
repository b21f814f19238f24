package watch

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
)

// waitAll waits in the background.
func (b *testBundle) waitAll(ctx context.Context, limit time.Duration, ids ...uuid.UUID) chan error {
	result := make(chan error, 1)
	go func() { result <- b.hub.WaitAll(ctx, own(ids...), limit) }()
	return result
}

// TestWaitAll: the wait ends with the last multiplication that finishes, or does not exist; with its limit; and with its
// caller.
func TestWaitAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.submit(1), b.submit(1)
	result := b.waitAll(t.Context(), long, first, uuid.New(), second)
	b.joined(first, 1)
	b.work(first, true)
	b.ends(t, b.wait(long, 1, first), first, "completed")
	select {
	case err := <-result:
		t.Fatalf("WaitAll() = %v before the second one has finished", err)
	default:
	}
	b.work(second, true)
	b.ends(t, result, second, "completed")

	pending := b.submit(1)
	if err := b.hub.WaitAll(t.Context(), own(pending, first), time.Millisecond); err != nil {
		t.Errorf("WaitAll() = %v after its limit, want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result = b.waitAll(ctx, long, pending, first)
	b.joined(pending, 1)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("WaitAll() = %v, want context.Canceled", err)
	}
	if n := b.hub.Watched(); n != 0 {
		t.Errorf("%d multiplications are watched, want 0", n)
	}
	if err := b.hub.WaitAll(t.Context(), nil, long); err != nil {
		t.Errorf("WaitAll() of none = %v", err)
	}
}

package persist

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// TestTurns: as many write many rows at a time as there are turns; few rows wait for none.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		turns := make(Turns, 2)
		release := make(chan struct{})
		var mutex sync.Mutex
		writing, written := 0, 0
		hold := func(context.Context) error {
			mutex.Lock()
			writing++
			mutex.Unlock()
			<-release
			mutex.Lock()
			writing--
			written++
			mutex.Unlock()
			return nil
		}
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if err := turns.Do(t.Context(), manyRows, hold); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if writing != 2 {
			t.Errorf("%d write at a time, want 2", writing)
		}
		few := false
		if err := turns.Do(t.Context(), manyRows-1, func(context.Context) error { few = true; return nil }); err != nil || !few {
			t.Errorf("few rows: %v, written: %t, want them written at once", err, few)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := turns.Do(ctx, manyRows, hold); !errors.Is(err, ErrUnavailable) {
			t.Errorf("Do() without time = %v, want ErrUnavailable", err)
		}
		close(release)
		group.Wait()
		if written != 5 {
			t.Errorf("%d have written, want 5", written)
		}
	})
}

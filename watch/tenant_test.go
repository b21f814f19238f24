package watch

import (
	"errors"
	"testing"
	"time"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
)

// TestOtherTenant: to another tenant a multiplication that its own tenant watches is not there, and what watches it
// is not disturbed.
func TestOtherTenant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.submit(2)
	other := identity.Owned{Tenant: identity.DefaultTenant + 1, ID: id}
	refused := func(what string) {
		t.Helper()
		if err := b.hub.Wait(t.Context(), other, time.Minute); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: Wait() = %v, want %v", what, err, store.ErrNotFound)
		}
		for _, after := range []int64{0, 1, 100} {
			if s, err := b.hub.Subscribe(t.Context(), other, after); s != nil || !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: Subscribe(after %d) = %v, %v, want %v", what, after, s, err, store.ErrNotFound)
			}
		}
		if err := b.hub.WaitAll(t.Context(), []identity.Owned{other}, time.Minute); err != nil { // it has ended, as what is gone
			t.Errorf("%s: WaitAll() = %v, want nil", what, err)
		}
	}
	refused("alone")
	s, err := b.hub.Subscribe(t.Context(), own(id)[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	waiting := b.wait(time.Minute, 1, id)
	b.joined(id, 2)
	refused("beside its own tenant")
	b.work(id, true)
	refused("in progress")
	b.work(id, true)
	if err := <-waiting; err != nil {
		t.Errorf("Wait() of its own tenant = %v, want nil", err)
	}
	refused("completed")
	var numbers []int64
	for !s.Ended() {
		events, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			numbers = append(numbers, e.Number)
		}
	}
	if len(numbers) != 3 || numbers[0] != 1 || numbers[2] != 3 {
		t.Errorf("the events of its own tenant are %v, want 1, 2 and 3", numbers)
	}
	eventually(t, "only the subscriber is left", func() bool { return b.hub.Watched() == 1 })
}

package store_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/store"
)

// TestSharingAtRandom uploads, reads and deletes the same few contents from many sides at once, while the sweeps run.
// A matrix that is ready reads right at any time; when all are deleted, no block is left.
func TestSharingAtRandom(t *testing.T) {
	t.Parallel()
	s := open(t)
	const contents, clients, steps = 2, 6, 40
	ctx, stop := context.WithCancel(t.Context())
	var maintenance, group sync.WaitGroup
	maintenance.Go(func() {
		for ctx.Err() == nil {
			sweep(t, s)
			time.Sleep(5 * time.Millisecond) // so that uploads and deletions come in between
		}
	})
	var mu sync.Mutex
	var all []store.Matrix
	take := func(random *rand.Rand) (m store.Matrix, ok bool) { // one that no other client deletes
		mu.Lock()
		defer mu.Unlock()
		if len(all) == 0 {
			return m, false
		}
		i := random.IntN(len(all))
		m = all[i]
		all[i] = all[len(all)-1]
		all = all[:len(all)-1]
		return m, true
	}
	data := [contents][]byte{variant(0), variant(1)}
	kind := map[uuid.UUID]int{}
	for client := range clients {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			for range steps {
				if random.IntN(2) == 0 {
					c := random.IntN(contents)
					u, err := uploadForm(t.Context(), t, s, data[c], random.IntN(3))
					if err == nil && random.IntN(5) == 0 { // a client that goes away
						if err := u.Abort(); err != nil {
							t.Error(err)
						}
						continue
					}
					if err != nil {
						t.Error(err)
						continue
					}
					m, err := finish(t, s, u)
					if err != nil {
						t.Error(err)
						continue
					}
					mu.Lock()
					all = append(all, m)
					kind[m.ID] = c
					mu.Unlock()
				} else if m, ok := take(random); ok {
					mu.Lock()
					c := kind[m.ID]
					mu.Unlock()
					if err := readsAs(t, s, m, data[c]); err != nil {
						t.Error(err)
					}
					if err := remove(t, s, m.ID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	stop()
	maintenance.Wait()
	stored := map[uuid.UUID]bool{}
	for _, m := range all {
		if err := readsAs(t, s, m, data[kind[m.ID]]); err != nil {
			t.Error(err)
		}
		stored[m.BlockOwner()] = true
	}
	sweep(t, s)
	if ids := owners(t, s); len(ids) != len(stored) || len(ids) > contents {
		t.Errorf("%d matrices of %d contents have blocks of %v", len(all), contents, ids)
	}
	for _, m := range all {
		if err := remove(t, s, m.ID); err != nil {
			t.Error(err)
		}
	}
	sweep(t, s)
	expectEmpty(t, s)
}

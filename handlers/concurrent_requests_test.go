package handlers_test

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// TestConcurrentRequests: of concurrent requests with one key one is accepted; the others get its response and leave
// nothing behind.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	replicas := []*testBundle{b, b.replica(t)}
	id := b.submit(t, smallSubmission).ID
	b.cancel(t, id).want(t, http.StatusOK)
	multipart, both := form(t, part{"a", someElements(300, 100).npy()}, part{"b", someElements(100, 300).fortran()})
	const clients = 6
	for _, c := range []struct {
		path, contentType string
		body              []byte
		more              kept
		inline            bool
	}{
		{"/v1/multiplications", multipart, both, kept{matrices: 3, owners: 2, multiplications: 1, tiles: 1}, false},
		{"/v1/multiplications", jsonType, []byte(smallSubmission), kept{inline: 1}, true},
		{"/v1/matrices", npyType, someElements(500, 100).npy(), kept{matrices: 1, owners: 1}, false},
		{"/v1/multiplications/" + id + "/retry", "", nil, kept{}, false},
	} {
		t.Run(c.path, func(t *testing.T) {
			key := uuid.NewString()
			want := b.kept(t)
			want.matrices += c.more.matrices
			want.owners += c.more.owners
			want.multiplications += c.more.multiplications
			want.tiles += c.more.tiles
			want.inline += c.more.inline
			release := b.holdKey(t, key)
			responses := make([]received, clients)
			var group sync.WaitGroup
			for i := range responses {
				group.Go(func() { responses[i] = replicas[i%2].keyed(t, key, c.path, c.contentType, c.body) })
			}
			waits := clients
			if c.inline { // both servers are of one process, in which the others wait for the first
				waits = 1
			}
			eventually(t, func() bool { return b.waiting(t) == waits })
			release()
			group.Wait()
			var first []received
			for _, a := range responses {
				if a.Header.Get("Idempotent-Replayed") == "" {
					first = append(first, a)
				}
			}
			if len(first) != 1 || first[0].StatusCode/100 != 2 {
				t.Fatalf("%d responses are no repetitions, want 1: %v", len(first), first)
			}
			for _, a := range responses {
				if a.Response != first[0].Response {
					a.repeats(t, first[0])
				}
			}
			b.wantKept(t, want)
		})
	}
}

// holdKey writes a key in a transaction that stays open until release is called, and is rolled back then. Requests that
// want to write the key wait meanwhile.
func (b *testBundle) holdKey(t *testing.T, key string) (release func()) {
	t.Helper()
	tx, err := b.store.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
	_, err = tx.Exec(t.Context(), `INSERT INTO idempotency_keys (key, fingerprint, status, location, body, expires_at)
		VALUES ($1, $2, 200, '', '', now() + interval '1 hour')`, key, make([]byte, sha256.Size))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// waiting counts the connections that wait for a lock.
func (b *testBundle) waiting(t *testing.T) (n int) {
	t.Helper()
	err := b.store.Pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

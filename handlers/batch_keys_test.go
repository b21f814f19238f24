package handlers_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
)

// mixedOrders returns orders of which each third is not inline, and each fifth has a problem.
func mixedOrders(n int) string {
	orders := make([]string, n)
	for i := range orders {
		switch {
		case i%5 == 4:
			orders[i] = `{"a":{"values":[[1]]},"b":{"values":[[1],[2]]}}`
		case i%3 == 0:
			orders[i] = fmt.Sprintf(`{"a":{"random":{"rows":2,"cols":2,"seed":%d}},"b":{"values":[[1],[2]]}}`, i)
		default:
			orders[i] = fmt.Sprintf(`{"a":{"values":[[%d]]},"b":{"values":[[1]]}}`, i)
		}
	}
	return "[" + strings.Join(orders, ",") + "]"
}

// multiplications counts the multiplications of both kinds.
func (b *testBundle) multiplications(t *testing.T) (n int) {
	t.Helper()
	k := b.kept(t)
	return k.multiplications + k.inline
}

func acceptedOf(items []resource.BatchItem) (n int) {
	for _, item := range items {
		if item.ID != "" {
			n++
		}
	}
	return n
}

// TestRepeatedBatch: a batch with a key is accepted once. A repetition gets the same response from each replica, also
// one that waits, and in the other form.
func TestRepeatedBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.replica(t)
	body := mixedOrders(300)
	first := b.batch(t, jsonType, body, "Idempotency-Key", "k")
	items := first.items(t)
	if got, want := b.multiplications(t), acceptedOf(items); got != want || want != 240 {
		t.Fatalf("%d multiplications, %d accepted orders, want 240", got, want)
	}
	for _, replica := range []*testBundle{b, other} {
		replica.batch(t, jsonType, body, "Idempotency-Key", "k").repeats(t, first)
	}
	waited := other.batch(t, jsonType, body, "Idempotency-Key", "k", "Prefer", "wait=60", "Accept", ndjsonType).items(t)
	for i, item := range waited {
		if item.ID != items[i].ID || item.ID != "" && item.State != "completed" {
			t.Fatalf("item %d is %+v, want %+v completed", i, item, items[i])
		}
	}
	if got := b.multiplications(t); got != 240 {
		t.Errorf("%d multiplications after the repetitions, want 240", got)
	}
	for _, c := range [][]string{
		{batchPath, jsonType, body + " "},
		{batchPath, jsonType, "[]"},
		{batchPath, jsonType, body[:len(body)-1] + "," + body[1:]},
		{batchPath, ndjsonType, body},
		{"/v1/multiplications", jsonType, smallSubmission},
	} {
		b.keyed(t, "k", c[0], c[1], []byte(c[2])).want(t, http.StatusUnprocessableEntity)
	}
	b.keyed(t, "single", "/v1/multiplications", jsonType, []byte(smallSubmission)).want(t, http.StatusAccepted)
	b.batch(t, jsonType, "["+smallSubmission+"]", "Idempotency-Key", "single").want(t, http.StatusUnprocessableEntity)
	b.batch(t, jsonType, body, "Idempotency-Key", "k").repeats(t, first)
	b.do(t, http.MethodDelete, items[1].Links.Self, nil).want(t, http.StatusNoContent)
	waited = b.batch(t, jsonType, body, "Idempotency-Key", "k", "Prefer", "wait=60").items(t)
	if waited[1].Status != http.StatusNotFound || waited[2].Status != http.StatusOK {
		t.Errorf("the item of a deleted one is %+v, that of the next one %+v, want 404 and 200", waited[1], waited[2])
	}
	if again := b.batch(t, jsonType, body, "Idempotency-Key", "k2").items(t); again[0].ID == items[0].ID {
		t.Errorf("another key has the same multiplication %s", again[0].ID)
	}
}

// TestBatchGoesOn: a repetition goes on where a request ended that accepted some groups only.
func TestBatchGoesOn(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	body := mixedOrders(500)
	first := b.batch(t, jsonType, body, "Idempotency-Key", "k").items(t)
	var keys []string
	rows, err := b.store.Pool.Query(t.Context(), "SELECT key FROM idempotency_keys ORDER BY length(key), key")
	for err == nil && rows.Next() {
		var key string
		err = rows.Scan(&key)
		keys = append(keys, key)
	}
	if err != nil || len(keys) < 4 {
		t.Fatalf("the keys are %q, %v, want 4 or more", keys, err)
	}
	for _, lost := range [][]string{keys[2:], keys[len(keys)-1:], keys[1:]} { // as if the server had stopped before these
		var from int
		if _, err := fmt.Sscanf(lost[0], "k\n%d", &from); err != nil {
			t.Fatal(err)
		}
		_, err := b.store.Pool.Exec(t.Context(), "DELETE FROM idempotency_keys WHERE key = ANY($1)", lost)
		if err != nil {
			t.Fatal(err)
		}
		before := b.multiplications(t)
		again := b.batch(t, jsonType, body, "Idempotency-Key", "k")
		if got := again.Header.Get("Idempotent-Replayed"); got != "" {
			t.Errorf("Idempotent-Replayed is %q, want none", got)
		}
		items := again.items(t)
		for i, item := range items {
			if item.ID != "" && (item.ID == first[i].ID) != (i < from) {
				t.Fatalf("item %d is %s, before %s; the first that was lost is %d", i, item.ID, first[i].ID, from)
			}
		}
		if got, want := b.multiplications(t), before+acceptedOf(items[from:]); got != want {
			t.Errorf("%d multiplications, want %d", got, want)
		}
		// Another request with the key of one that is not complete is refused, and does not go on with it.
		b.batch(t, jsonType, body+" ", "Idempotency-Key", "k").want(t, http.StatusUnprocessableEntity)
		first = items
	}
}

// TestConcurrentBatches: of concurrent requests with one key each order is accepted once, and all have one response.
func TestConcurrentBatches(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	replicas := []*testBundle{b, b.replica(t)}
	for name, body := range map[string]string{
		"inline": func() string { array, _ := smallOrders(2500); return array }(),
		"mixed":  mixedOrders(400),
	} {
		t.Run(name, func(t *testing.T) {
			key := uuid.NewString()
			before := b.multiplications(t)
			release := b.holdKey(t, key)
			const clients = 4
			responses := make([]received, clients)
			var group sync.WaitGroup
			for i := range responses {
				group.Go(func() { responses[i] = replicas[i%2].batch(t, jsonType, body, "Idempotency-Key", key) })
			}
			eventually(t, func() bool { return b.waiting(t) == clients })
			release()
			group.Wait()
			items := responses[0].items(t)
			if got, want := b.multiplications(t), before+acceptedOf(items); got != want {
				t.Errorf("%d multiplications, want %d", got, want)
			}
			ids := func(items []resource.BatchItem) (all []string) {
				for _, item := range items {
					all = append(all, item.ID)
				}
				return all
			}
			for _, a := range responses {
				if !slices.Equal(ids(a.items(t)), ids(items)) {
					t.Errorf("the responses differ")
				}
			}
		})
	}
}

package jobs_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/jobs"
	"github.com/millrace/millrace/jobs/queue"
	"github.com/millrace/millrace/store"
)

// TestList: a list has the multiplications of a tenant that are in one of some states, the newest first, page by page.
func TestList(t *testing.T) {
	b := setup(t)
	c := b.client(queue.Config{})
	first, second, third := b.submit(c, 300, 2, 300), b.submit(c, 0, 2, 3), b.submit(c, 300, 2, 300)
	fourth := b.accept(c, b.offer(c, 2, 3, 4, 1))[0]
	if err := b.cancel(c, third); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		tenant identity.TenantID
		states []jobs.State
		want   []uuid.UUID
	}{
		{identity.DefaultTenant, nil, []uuid.UUID{fourth, third, second, first}},
		{identity.DefaultTenant, []jobs.State{jobs.Pending}, []uuid.UUID{fourth, first}},
		{identity.DefaultTenant, []jobs.State{jobs.Cancelled, jobs.Completed}, []uuid.UUID{third, second}},
		{identity.DefaultTenant, []jobs.State{jobs.Failed}, nil},
		{identity.DefaultTenant + 1, nil, nil},
	} {
		for limit := 1; limit <= 5; limit++ {
			var got []uuid.UUID
			var behind *store.Position
			for pages := 1; pages == 1 || behind != nil; pages++ {
				page, next, err := c.List(t.Context(), test.tenant, jobs.Filter{States: test.states}, behind, limit)
				if err != nil || len(page) > limit || pages > 1 && len(page) == 0 {
					t.Fatalf("page %d of %d: %v, %v, want some", pages, limit, page, err)
				}
				for _, m := range page {
					got = append(got, m.ID)
				}
				behind = next
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%+v in pages of %d: %v, want %v", test, limit, got, test.want)
			}
		}
	}
}

package handlers_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
)

// listOf returns the ids of all pages of a tenant's list.
func (b *testBundle) listOf(t *testing.T, tenant identity.TenantID, query string) (ids, cursors []string) {
	t.Helper()
	for cursor := ""; ; {
		a := b.get(t, "/v1/multiplications?limit=3"+query+cursor, as(tenant)...).want(t, http.StatusOK)
		page := decode[resource.MultiplicationList](t, a)
		for _, m := range page.Items {
			ids = append(ids, m.ID)
		}
		if page.NextCursor == "" {
			return ids, cursors
		}
		cursors = append(cursors, page.NextCursor)
		cursor = "&cursor=" + page.NextCursor
	}
}

// TestTenantsLists: a list has all of the tenant's multiplications and no others, whatever the filter and the cursor.
func TestTenantsLists(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{})
	mine := b.furnish(t, alice)
	const one = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(one), append(as(bob), "Content-Type", jsonType)...)
	his := decode[resource.Multiplication](t, a.want(t, http.StatusAccepted))
	got, cursors := b.listOf(t, alice, "")
	want := slices.Clone(mine.multiplications)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the list has %v, want %v", got, want)
	}
	matrix := func(tenant identity.TenantID) string {
		a := b.do(t, http.MethodPost, "/v1/matrices", strings.NewReader("[[1]]"), append(as(tenant), "Content-Type", jsonType)...)
		return decode[resource.Matrix](t, a.want(t, http.StatusCreated)).ID
	}
	hers, own := matrix(alice), matrix(bob)
	listed := b.get(t, "/v1/matrices", as(bob)...).want(t, http.StatusOK).body
	if !bytes.Contains(listed, []byte(own)) || bytes.Contains(listed, []byte(hers)) {
		t.Errorf("the matrices are %s, want %s, and not %s of another tenant", listed, own, hers)
	}
	for _, query := range []string{"", "&state=pending", "&matrix_id=" + his.A.MatrixID} {
		if got, _ := b.listOf(t, bob, query); !slices.Equal(got, []string{his.ID}) {
			t.Errorf("%q: the list has %v, want %s", query, got, his.ID)
		}
	}
	for _, cursor := range append(cursors, "") {
		for _, id := range append(mine.matrices, "") {
			query := "&state=completed&state=pending&state=cancelled"
			if id != "" {
				query = "&matrix_id=" + id
			}
			if cursor != "" {
				query += "&cursor=" + cursor
			}
			page := decode[resource.MultiplicationList](t, b.get(t, "/v1/multiplications?limit=100"+query, as(bob)...).want(t, http.StatusOK))
			for _, m := range page.Items {
				if m.ID != his.ID {
					t.Errorf("%s: the list has %s, want none of another tenant", query, m.ID)
				}
			}
		}
	}
	overview := decode[resource.Overview](t, b.get(t, "/v1/overview", as(bob)...).want(t, http.StatusOK))
	if got := (resource.ActiveMultiplications{Pending: 1}); overview.Multiplications != got || len(overview.Queues) > 0 {
		t.Errorf("the overview has %+v, %+v, want %+v and no queues", overview.Multiplications, overview.Queues, got)
	}
	overview = decode[resource.Overview](t, b.get(t, "/v1/overview").want(t, http.StatusOK))
	if got := overview.Multiplications.Pending; got != 5 || len(overview.Queues) != 2 {
		t.Errorf("the overview of all has %d pending and %d queues, want 5 and 2", got, len(overview.Queues))
	}
}

// TestTenantsKeys: two tenants may use one idempotency key, for submissions, uploads, changes and batches.
func TestTenantsKeys(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{idle: true})
	const one = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	const tiles = `{"a": {"random": {"rows": 2, "cols": 2, "seed": 1}}, "b": {"random": {"rows": 2, "cols": 2, "seed": 1}}}`
	for n, c := range []struct{ path, body string }{
		{"/v1/multiplications", one},
		{"/v1/multiplications", tiles},
		{"/v1/matrices", `[[1, 2]]`},
		{"/v1/multiplications:batch", "[" + one + "," + tiles + "]"},
	} {
		var bodies []string
		for _, tenant := range []identity.TenantID{identity.DefaultTenant, alice, bob} {
			headers := append(as(tenant), "Content-Type", jsonType, "Idempotency-Key", "k"+strconv.Itoa(n))
			first := b.do(t, http.MethodPost, c.path, strings.NewReader(c.body), headers...)
			again := b.do(t, http.MethodPost, c.path, strings.NewReader(c.body), headers...)
			if first.StatusCode >= 300 || first.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%s of tenant %d: %s, replayed: %q, want it to be accepted", c.path, tenant, first.Status, first.Header.Get("Idempotent-Replayed"))
			}
			if again.Header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(first.body, again.body) {
				t.Errorf("%s of tenant %d again: %s, want the first response", c.path, tenant, again.body)
			}
			if slices.Contains(bodies, string(first.body)) {
				t.Errorf("%s of tenant %d: the response to another tenant: %s", c.path, tenant, first.body)
			}
			bodies = append(bodies, string(first.body))
		}
	}
}

// TestTenantsShareNoBlocks: the same content of two tenants is stored twice, and lives on after one of them is deleted.
func TestTenantsShareNoBlocks(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{idle: true})
	x := someElements(300, 100)
	upload := func(tenant identity.TenantID) string {
		a := b.do(t, http.MethodPost, "/v1/matrices", bytes.NewReader(x.npy()), append(as(tenant), "Content-Type", npyType)...)
		return decode[resource.Matrix](t, a.want(t, http.StatusCreated)).ID
	}
	mine, his := upload(alice), upload(bob)
	if n := b.kept(t).owners; n != 2 {
		t.Errorf("%d matrices have blocks, want 2", n)
	}
	upload(alice)
	if n := b.kept(t).owners; n != 2 {
		t.Errorf("%d matrices have blocks after a second upload of a tenant, want 2", n)
	}
	b.do(t, http.MethodDelete, "/v1/matrices/"+mine, nil, as(alice)...).want(t, http.StatusNoContent)
	if a := b.get(t, "/v1/matrices/"+his+"/content", as(bob)...).want(t, http.StatusOK); !bytes.Equal(a.body, x.npy()) {
		t.Error("wrong content")
	}
}

// TestTenantsOfOlderProcesses: while a process of the version before runs, whose workers do not know of tenants, other
// tenants than the default one get no inline multiplications.
func TestTenantsOfOlderProcesses(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{idle: true})
	b.exec(t, "INSERT INTO workers (id, schema_version) VALUES ('old', 13)")
	const one = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	post := func(path, body string, tenant identity.TenantID) {
		t.Helper()
		a := b.do(t, http.MethodPost, path, strings.NewReader(body), append(as(tenant), "Content-Type", jsonType)...)
		if a.StatusCode >= 300 {
			t.Errorf("%s: %s, want it to be accepted", path, a.body)
		}
	}
	for _, tenant := range []identity.TenantID{identity.DefaultTenant, alice} {
		post("/v1/multiplications", one, tenant)
		post("/v1/multiplications:batch", "["+one+"]", tenant)
	}
	if k := b.kept(t); k.inline != 2 || k.multiplications != 2 {
		t.Errorf("%d are inline and %d are not, want 2 and 2", k.inline, k.multiplications)
	}
	var tenants []int32
	const sql = "SELECT array_agg(tenant_id) FROM (SELECT tenant_id FROM multiplications UNION ALL SELECT tenant_id FROM matrices) AS x"
	if err := b.store.Pool.QueryRow(context.Background(), sql).Scan(&tenants); err != nil {
		t.Fatal(err)
	}
	if other := slices.DeleteFunc(tenants, func(n int32) bool { return n == int32(alice) }); len(other) > 0 {
		t.Errorf("rows of %v, want of %d alone", other, alice)
	}
}

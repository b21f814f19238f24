package handlers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
)

// setupQuotas returns a service with tenants, of which bob has quotas. Nothing is computed.
func setupQuotas(t *testing.T, quotas string) *testBundle {
	t.Helper()
	b := setupTenants(t, options{idle: true})
	b.exec(t, fmt.Sprintf("INSERT INTO tenants (id, name, %s) VALUES (%d, 'bob', %s)",
		strings.Join(fieldNames(quotas), ", "), bob, strings.Join(fieldValues(quotas), ", ")))
	b.exec(t, fmt.Sprintf("INSERT INTO tenants (id, name) VALUES (%d, 'alice')", alice))
	b.refresh(t)
	return b
}

func fieldNames(pairs string) (names []string) {
	for pair := range strings.FieldsSeq(pairs) {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	return names
}

func fieldValues(pairs string) (values []string) {
	for pair := range strings.FieldsSeq(pairs) {
		_, value, _ := strings.Cut(pair, "=")
		values = append(values, value)
	}
	return values
}

// refresh does what processes do once a second.
func (b *testBundle) refresh(t *testing.T) {
	t.Helper()
	if err := b.jobs.Quotas().Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ask sends a request of a tenant.
func (b *testBundle) ask(t *testing.T, tenant identity.TenantID, method, path, kind string, body []byte) received {
	t.Helper()
	return b.do(t, method, path, bytes.NewReader(body), append(as(tenant), "Content-Type", kind)...)
}

// checkExceeded fails the test unless a response says that there is no room in a quota.
func checkExceeded(t *testing.T, a received, quota string) {
	t.Helper()
	var p struct {
		Type, Code string
		Violated   []string `json:"violated-policies"`
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if a.StatusCode != http.StatusTooManyRequests || p.Code != "quota_exceeded" || !slices.Equal(p.Violated, []string{quota}) ||
		!strings.HasSuffix(p.Type, "#quota-exceeded") || err != nil || seconds < 1 || seconds > 100 {
		t.Errorf("%s, Retry-After: %q, %s, want 429 for %s", a.Status, a.Header.Get("Retry-After"), a.body, quota)
	}
}

// limits returns what /v1/limits tells a tenant.
func (b *testBundle) limits(t *testing.T, tenant identity.TenantID) resource.Limits {
	t.Helper()
	return decode[resource.Limits](t, b.get(t, "/v1/limits", as(tenant)...).want(t, http.StatusOK))
}

// TestQuotaOfStoredBytes: uploads, operands and results are counted, each tenant's by itself, until they are deleted.
func TestQuotaOfStoredBytes(t *testing.T) {
	t.Parallel()
	b := setupQuotas(t, "max_stored_bytes=300000")
	x := someElements(100, 100) // 80,000 bytes
	upload := func(tenant identity.TenantID) received {
		return b.ask(t, tenant, http.MethodPost, "/v1/matrices", npyType, x.npy())
	}
	first := decode[resource.Matrix](t, upload(bob).want(t, http.StatusCreated)).ID
	square := []byte(`{"a": {"matrix_id": "` + first + `"}, "b": {"matrix_id": "` + first + `"}}`)
	m := decode[resource.Multiplication](t, b.ask(t, bob, http.MethodPost, "/v1/multiplications", jsonType, square).want(t, http.StatusAccepted))
	upload(bob).want(t, http.StatusCreated)
	before := b.whole(t)
	checkExceeded(t, upload(bob), "stored-bytes")
	checkExceeded(t, b.ask(t, bob, http.MethodPost, "/v1/multiplications", jsonType, square), "stored-bytes")
	a := b.ask(t, bob, http.MethodPost, "/v1/multiplications:batch", jsonType, []byte("["+string(square)+"]")).want(t, http.StatusOK)
	if !strings.Contains(string(a.body), "its quota is 300000") {
		t.Errorf("the batch has %s, want the problem of its order", a.body)
	}
	if after := b.whole(t); after != before {
		t.Error("something was stored that was refused")
	}
	if got := b.limits(t, bob).StoredBytes; got.Used != 240_000 || got.Limit == nil || *got.Limit != 300_000 {
		t.Errorf("stored bytes: %+v, want 240,000 of 300,000", got)
	}
	upload(alice).want(t, http.StatusCreated)
	if err := b.jobs.Quotas().Recount(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkExceeded(t, upload(bob), "stored-bytes")
	b.ask(t, bob, http.MethodPost, "/v1/multiplications/"+m.ID+"/cancel", jsonType, nil).want(t, http.StatusOK)
	b.do(t, http.MethodDelete, "/v1/multiplications/"+m.ID, nil, as(bob)...).want(t, http.StatusNoContent)
	upload(bob).want(t, http.StatusCreated)
}

// TestRecount: what a sweep has counted stays in the sum until the next one, whatever is deleted meanwhile.
func TestRecount(t *testing.T) {
	t.Parallel()
	b := setupQuotas(t, "max_stored_bytes=300000")
	want := func(bytes float64) {
		t.Helper()
		if got := b.limits(t, bob).StoredBytes.Used; got != bytes {
			t.Errorf("%.0f bytes are stored, want %.0f", got, bytes)
		}
	}
	recount := func() {
		t.Helper()
		if err := b.jobs.Quotas().Recount(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const old = "'01900000-0000-7000-8000-000000000000'"
	b.exec(t, "INSERT INTO matrices (id, tenant_id, rows, cols, dtype, source, state, expires_at) VALUES ("+old+", $1, 100, 100, 'float64', 'upload', 'ready', now() + interval '1 hour')", bob)
	b.ask(t, bob, http.MethodPost, "/v1/matrices", npyType, someElements(1, 10).npy()).want(t, http.StatusCreated)
	want(80_080)
	recount()
	want(80_080)
	b.exec(t, "DELETE FROM matrices WHERE id = "+old)
	want(80_080)
	recount()
	want(80)
}

// TestQuotaOfStoredBytesAtOnce: many uploads at once do not exceed a quota together.
func TestQuotaOfStoredBytesAtOnce(t *testing.T) {
	t.Parallel()
	b := setupQuotas(t, "max_stored_bytes=30000")
	var group sync.WaitGroup
	for n := range 12 {
		group.Go(func() {
			b.ask(t, bob, http.MethodPost, "/v1/matrices", npyType, someElements(1, int64(1000-n)).npy()) // about 8,000 bytes
		})
	}
	group.Wait()
	if got := b.limits(t, bob).StoredBytes.Used; got > 30_000 || got < 22_000 {
		t.Errorf("%.0f bytes are stored, want as much as has room in 30,000", got)
	}
}

// TestQuotaOfQueuedWork: what waits counts, tiles and inline multiplications together, until it is cancelled.
func TestQuotaOfQueuedWork(t *testing.T) {
	t.Parallel()
	b := setupQuotas(t, "max_queued_seconds=0.1")
	const tiles = `{"a": {"random": {"rows": 2, "cols": 2, "seed": 1}}, "b": {"random": {"rows": 2, "cols": 2, "seed": 1}}}`
	const small = `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`
	submit := func(tenant identity.TenantID, body string) received {
		return b.ask(t, tenant, http.MethodPost, "/v1/multiplications", jsonType, []byte(body))
	}
	var ids []string
	for range 4 { // 0.02 s each
		ids = append(ids, decode[resource.Multiplication](t, submit(bob, tiles).want(t, http.StatusAccepted)).ID)
	}
	accepted := 0
	for ; accepted < 1000; accepted++ { // 0.0002 s each
		if a := submit(bob, small); a.StatusCode != http.StatusAccepted {
			checkExceeded(t, a, "queued-work")
			break
		}
	}
	if accepted < 90 || accepted > 100 {
		t.Errorf("%d small multiplications were accepted, want nearly 100", accepted)
	}
	checkExceeded(t, submit(bob, tiles), "queued-work")
	a := b.ask(t, bob, http.MethodPost, "/v1/multiplications:batch", jsonType, []byte("["+small+","+small+"]")).want(t, http.StatusOK)
	if n := strings.Count(string(a.body), "its quota is 0.1"); n != 2 {
		t.Errorf("the batch has %s, want two problems", a.body)
	}
	submit(alice, tiles).want(t, http.StatusAccepted)
	submit(alice, small).want(t, http.StatusAccepted)
	if got := b.limits(t, bob).QueuedSeconds; got.Used < 0.09 || got.Used > 0.1 {
		t.Errorf("queued seconds: %+v, want nearly 0.1", got)
	}
	for _, id := range ids[:2] {
		b.ask(t, bob, http.MethodPost, "/v1/multiplications/"+id+"/cancel", jsonType, nil).want(t, http.StatusOK)
	}
	submit(bob, tiles).want(t, http.StatusAccepted)
	b.ask(t, bob, http.MethodPost, "/v1/multiplications/"+ids[0]+"/retry", jsonType, nil).want(t, http.StatusOK)
	checkExceeded(t, b.ask(t, bob, http.MethodPost, "/v1/multiplications/"+ids[1]+"/retry", jsonType, nil), "queued-work")
}

// TestQuotaOfRequests: a tenant that sends too much is told so, before anything else is looked at.
func TestQuotaOfRequests(t *testing.T) {
	t.Parallel()
	b := setupQuotas(t, "max_requests=0.01")
	a := b.get(t, "/v1/overview", as(bob)...).want(t, http.StatusOK)
	if policy, left := a.Header.Get("RateLimit-Policy"), a.Header.Get("RateLimit"); policy != `"requests";q=1;w=100` || left != `"requests";r=0;t=100` {
		t.Errorf("RateLimit-Policy: %s, RateLimit: %s, want 1 in 100 s, and none left", policy, left)
	}
	for _, path := range []string{"/v1/overview", "/v1/multiplications", "/v1/matrices/none"} {
		checkExceeded(t, b.get(t, path, as(bob)...), "requests")
	}
	checkExceeded(t, b.ask(t, bob, http.MethodPost, "/v1/multiplications", jsonType, []byte("{")), "requests")
	if a := b.get(t, "/v1/overview", as(alice)...).want(t, http.StatusOK); a.Header.Get("RateLimit") != "" {
		t.Errorf("RateLimit: %s for a tenant without a quota, want none", a.Header.Get("RateLimit"))
	}
}

// TestPriorities: the priority of a client that is no administrator counts among its tenant's multiplications only,
// unless the setting says that it counts against all.
func TestPriorities(t *testing.T) {
	t.Parallel()
	for name, global := range map[string]bool{"own": false, "global": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTenants(t, options{idle: true, limits: handlers.Limits{GlobalPriorities: global}})
			for _, c := range []struct{ body, jobs string }{
				{`"b": {"random": {"rows": 2, "cols": 2}}`, "tags[1] = $1"},
				{`"b": {"values": [[1, 2]]}`, "id = (SELECT job FROM inline_pending WHERE id::text = $1)"},
			} {
				a := `"a": {"random": {"rows": 2, "cols": 2}}`
				if strings.Contains(c.body, "values") {
					a = `"a": {"values": [[1], [2]]}`
				}
				want := map[identity.TenantID]int{bob: 2, 0: 1}
				if global {
					want[bob] = 1
				}
				for tenant, priority := range want {
					body := []byte("{" + a + ", " + c.body + `, "priority": 1}`)
					var got received
					if tenant == bob {
						got = b.ask(t, bob, http.MethodPost, "/v1/multiplications", jsonType, body)
					} else {
						got = b.post(t, "/v1/multiplications", jsonType, body)
					}
					m := decode[resource.Multiplication](t, got.want(t, http.StatusAccepted))
					var of int
					err := b.store.Pool.QueryRow(t.Context(), "SELECT priority FROM river_job WHERE "+c.jobs, m.ID).Scan(&of)
					if err != nil || of != priority || m.Priority != 1 {
						t.Errorf("tenant %d, %s: the job has priority %d, %v, want %d, and 1 in the response", tenant, c.body, of, err, priority)
					}
				}
			}
		})
	}
}

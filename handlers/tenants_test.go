package handlers_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/identity"
	"github.com/millrace/millrace/store"
	"github.com/millrace/millrace/store/inline"
)

// The tenants of these tests. Their requests have the number in a header.
const (
	alice        identity.TenantID = 7
	bob          identity.TenantID = 8
	tenantHeader                   = "X-Test-Tenant"
)

// as returns the header of a tenant's request.
func as(t identity.TenantID) []string { return []string{tenantHeader, strconv.Itoa(int(t))} }

// setupTenants returns a service with tenants, whose principals may do anything but what concerns all tenants.
func setupTenants(t testing.TB, o options) *testBundle {
	t.Helper()
	b := setupWith(t, o)
	identify := func(w http.ResponseWriter, r *http.Request) {
		p := identity.Local()
		if n, err := strconv.Atoi(r.Header.Get(tenantHeader)); err == nil {
			p = identity.Principal{Tenant: identity.TenantID(n)}
			p.Scopes = []identity.Scope{identity.ScopeRead, identity.ScopeSubmit}
		}
		b.handler.ServeHTTP(w, r.WithContext(identity.With(r.Context(), p)))
	}
	b.server = httptest.NewServer(http.HandlerFunc(identify))
	t.Cleanup(b.server.Close)
	t.Cleanup(b.hub.Stop)
	return b
}

// possessions are the resources of a tenant.
type possessions struct{ multiplications, matrices []string }

// furnish gives a tenant multiplications of each kind, in several states, and matrices.
func (b *testBundle) furnish(t *testing.T, tenant identity.TenantID) possessions {
	t.Helper()
	var p possessions
	post := func(path, kind string, body []byte) received {
		t.Helper()
		return b.do(t, http.MethodPost, path, bytes.NewReader(body), append(as(tenant), "Content-Type", kind)...)
	}
	upload := func(e elements) string {
		t.Helper()
		m := decode[resource.Matrix](t, post("/v1/matrices", npyType, e.npy()).want(t, http.StatusCreated))
		p.matrices = append(p.matrices, m.ID)
		return m.ID
	}
	submit := func(body string) string {
		t.Helper()
		a := post("/v1/multiplications", jsonType, []byte(body)).want(t, http.StatusAccepted)
		m := decode[resource.Multiplication](t, a)
		p.multiplications = append(p.multiplications, m.ID)
		p.matrices = append(p.matrices, m.A.MatrixID, m.B.MatrixID)
		return m.ID
	}
	all := func() {
		small, large := upload(someElements(3, 3)), upload(someElements(300, 100))
		submit(`{"a": {"values": [[1, 2], [3, 4]]}, "b": {"values": [[5, 6], [7, 8]]}}`)
		submit(`{"a": {"matrix_id": "` + small + `"}, "b": {"matrix_id": "` + small + `"}}`)
		submit(`{"a": {"matrix_id": "` + large + `"}, "b": {"random": {"rows": 100, "cols": 200, "seed": 1}}}`)
		submit(`{"a": {"random": {"rows": 2, "cols": 2, "seed": 1}}, "b": {"random": {"rows": 2, "cols": 2, "seed": 2}}}`)
	}
	all()
	for _, id := range p.multiplications {
		var m resource.Multiplication
		eventually(t, func() bool {
			m = decode[resource.Multiplication](t, b.get(t, "/v1/multiplications/"+id, as(tenant)...).want(t, http.StatusOK))
			return m.State == "completed"
		})
		p.matrices = append(p.matrices, m.Result.MatrixID)
	}
	b.jobs.Stop()
	all() // which stay pending
	cancelled := submit(`{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`)
	b.do(t, http.MethodPost, "/v1/multiplications/"+cancelled+"/cancel", nil, as(tenant)...).want(t, http.StatusOK)
	return p
}

// whole is a fingerprint of what is stored, but for the jobs of the maintenance.
func (b *testBundle) whole(t *testing.T) string {
	t.Helper()
	tables := []string{"matrices", "blocks", "multiplications", "multiplication_events", "inline_pending", "inline_completed",
		"idempotency_keys", "job_batches", "webhooks", "webhook_deliveries", "(SELECT * FROM river_job WHERE queue IN ('small', 'tiles'))", "tenants"}
	var parts []string
	for _, table := range tables {
		parts = append(parts, "(SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM "+table+" AS x)")
	}
	var sum string
	if err := b.store.Pool.QueryRow(t.Context(), "SELECT concat_ws(' ', "+strings.Join(parts, ", ")+")").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

// attempt is a request that names something by a placeholder.
type attempt struct {
	path, body string
	headers    []string
}

const placeholder = "{id}"

// attempts returns, by the operation, what a client may ask of something of which it knows the id. Each operation of the
// description is in it; those that name nothing have none.
func attempts(multiplication bool) map[string][]attempt {
	plain := func(path string, headers ...string) attempt { return attempt{path: path, headers: headers} }
	post := func(path, kind, body string) attempt {
		return attempt{
			path:    path,
			body:    body,
			headers: []string{"Content-Type", kind},
		}
	}
	const multiplicationPath, matrix = "/v1/multiplications/" + placeholder, "/v1/matrices/" + placeholder
	const order = `{"a": {"matrix_id": "` + placeholder + `"}, "b": {"random": {"rows": 2, "cols": 2, "seed": 1}}}`
	all := map[string][]attempt{
		"GET /v1/multiplications/{id}": {plain(multiplicationPath), plain(multiplicationPath, "Prefer", "wait=0"), plain(multiplicationPath, "Prefer", "wait=5"),
			plain(multiplicationPath, "If-None-Match", "*")},
		"DELETE /v1/multiplications/{id}":      {plain(multiplicationPath), plain(multiplicationPath, "If-Match", "*")},
		"POST /v1/multiplications/{id}/cancel": {plain(multiplicationPath + "/cancel"), plain(multiplicationPath+"/cancel", "Idempotency-Key", "walk")},
		"POST /v1/multiplications/{id}/retry":  {plain(multiplicationPath + "/retry"), plain(multiplicationPath+"/retry", "Prefer", "wait=5")},
		"GET /v1/multiplications/{id}/events": {plain(multiplicationPath + "/events"), plain(multiplicationPath+"/events", "Last-Event-ID", "1"),
			plain(multiplicationPath + "/events?last_event_id=100")},
		"GET /v1/multiplications/{id}/result": {plain(multiplicationPath + "/result"), plain(multiplicationPath+"/result", "Accept", npyType),
			plain(multiplicationPath+"/result", "Range", "bytes=0-10"), plain(multiplicationPath+"/result", "If-None-Match", "*")},
		"GET /v1/multiplications/{id}/tiles": {plain(multiplicationPath + "/tiles")},
	}
	if !multiplication {
		all = map[string][]attempt{
			"GET /v1/matrices/{id}":    {plain(matrix), plain(matrix, "If-None-Match", "*")},
			"DELETE /v1/matrices/{id}": {plain(matrix), plain(matrix, "If-Match", "*")},
			"GET /v1/matrices/{id}/content": {plain(matrix + "/content"), plain(matrix+"/content", "Accept", npyType),
				plain(matrix + "/content?rows=0:1&cols=0:1")},
			"POST /v1/multiplications": {post("/v1/multiplications", jsonType, order),
				post("/v1/multiplications", jsonType, strings.NewReplacer(`"a"`, `"b"`, `"b"`, `"a"`).Replace(order))},
			"POST /v1/multiplications:batch": {post("/v1/multiplications:batch", jsonType, "["+order+"]")},
			"GET /v1/multiplications":        {plain("/v1/multiplications?matrix_id=" + placeholder)},
		}
	}
	for _, operation := range []string{
		"POST /matrix_multiplication/", "POST /v1/matrices", "GET /v1/matrices", "GET /v1/overview", "GET /v1/limits",
		// Keys are for administrators, which have those of all tenants, and sessions have no ids.
		"POST /v1/keys", "GET /v1/keys", "DELETE /v1/keys/{id}", "POST /v1/session", "GET /v1/session", "DELETE /v1/session",
	} {
		all[operation] = nil
	}
	return all
}

// webhookAttempts is attempts for a webhook, and for a delivery of it.
func webhookAttempts(delivery string) map[string][]attempt {
	const webhook = "/v1/webhooks/" + placeholder
	return map[string][]attempt{
		"GET /v1/webhooks":              {{path: "/v1/webhooks"}},
		"POST /v1/webhooks":             nil, // it names nothing
		"GET /v1/webhooks/{id}":         {{path: webhook}},
		"DELETE /v1/webhooks/{id}":      {{path: webhook}},
		"POST /v1/webhooks/{id}/rotate": {{path: webhook + "/rotate"}},
		"POST /v1/webhooks/{id}/enable": {{path: webhook + "/enable"}},
		"GET /v1/webhooks/{id}/deliveries": {
			{path: webhook + "/deliveries"},
			{path: webhook + "/deliveries?delivery_state=pending&limit=1"},
		},
		"POST /v1/webhooks/{id}/deliveries/{delivery_id}/replay": {
			{path: webhook + "/deliveries/" + delivery + "/replay"},
		},
	}
}

// told is what a client learns from a response, apart from the id that it has sent and the time.
func told(a received, id string) string {
	header := maps.Clone(a.Header)
	header.Del("Date")
	text := a.Status
	for _, name := range slices.Sorted(maps.Keys(header)) {
		text += "\n" + name + ": " + strings.ReplaceAll(strings.Join(header[name], ", "), id, placeholder)
	}
	return text + "\n" + strings.ReplaceAll(string(a.body), id, placeholder)
}

// TestTenants walks all operations of the description with the ids of another tenant. Each response is that to an
// unknown id, and nothing is changed.
func TestTenants(t *testing.T) {
	t.Parallel()
	b := setupTenants(t, options{})
	mine := b.furnish(t, alice)
	hook, delivery := b.hookWithDelivery(t, as(alice)...)
	upload := strings.TrimPrefix(b.begin(t, 2<<20, as(alice)...), "/v1/uploads/")
	before := b.whole(t)
	ask := func(operation string, a attempt, id string) string {
		t.Helper()
		var body io.Reader
		if a.body != "" {
			body = strings.NewReader(strings.ReplaceAll(a.body, placeholder, id))
		}
		method, _, _ := strings.Cut(operation, " ")
		r := b.do(t, method, strings.ReplaceAll(a.path, placeholder, id), body, append(as(bob), a.headers...)...)
		if strings.Contains(operation, placeholder) && r.StatusCode != http.StatusNotFound {
			t.Errorf("%s %q with an id of another tenant: %s, want 404", operation, a, r.Status)
		}
		return told(r, id)
	}
	walked := map[string]bool{}
	walkAll := func(attempts map[string][]attempt, ids []string) {
		t.Helper()
		for operation, tries := range attempts {
			walked[operation] = true
			for _, try := range tries {
				for _, id := range ids {
					unknown := otherID(t, id)
					if got, want := ask(operation, try, id), ask(operation, try, unknown); got != want {
						t.Errorf("%s %q: with an id of another tenant\n%s\nwith an unknown one\n%s", operation, try, got, want)
					}
				}
			}
		}
	}
	walk := func(multiplication bool, ids []string) {
		t.Helper()
		walkAll(attempts(multiplication), ids)
	}
	walkAll(webhookAttempts(delivery), []string{hook})
	walkAll(webhookAttempts(placeholder), []string{delivery, mine.multiplications[0]})
	walkAll(uploadAttempts(), []string{upload, mine.matrices[0]})
	walk(true, mine.multiplications)
	walk(false, mine.matrices)
	// As if they were of the other kind.
	walk(true, mine.matrices[:3])
	walk(false, mine.multiplications[:3])
	for path, item := range describedAPI(t).Paths.Map() {
		for method := range item.Operations() {
			if !walked[method+" "+path] {
				t.Errorf("%s %s is not in the table of this test", method, path)
			}
		}
	}
	if after := b.whole(t); after != before {
		t.Errorf("the database was changed: %s, want %s", after, before)
	}
}

// otherID returns an unknown id of the kind of another one.
func otherID(t *testing.T, id string) string {
	t.Helper()
	known, err := uuid.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	unknown := store.NewID()
	if _, part, ok := inline.Owner(known); ok {
		unknown = part.ID(unknown)
	}
	return unknown.String()
}

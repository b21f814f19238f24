package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millrace/millrace/handlers"
	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

// setupSite returns a service with River UI, a version and an operations address.
func setupSite(t *testing.T, idle bool) *testBundle {
	t.Helper()
	return setupWith(t, siteOptions(idle))
}

func siteOptions(idle bool) options {
	return options{
		idle:    idle,
		riverUI: true,
		site:    handlers.Site{Version: "v1.2.3", OpsPort: 9090},
	}
}

// fourLargeTiles is too large for the queue of small multiplications.
const fourLargeTiles = `{"a": {"random": {"rows": 2600, "cols": 300}}, "b": {"random": {"rows": 300, "cols": 2100}}}`

func TestOverview(t *testing.T) {
	t.Parallel()
	b := setupSite(t, true)
	b.submit(t, `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`)
	b.submit(t, fourLargeTiles)
	for _, sql := range []string{
		"UPDATE river_job SET state = 'running' WHERE queue = 'tiles' AND args->>'tile' = '0'",
		`UPDATE river_job SET state = 'retryable', scheduled_at = now() + interval '1 hour'
			WHERE queue = 'tiles' AND args->>'tile' = '1'`,
		`UPDATE river_job SET scheduled_at = now() + interval '1 minute'
			WHERE queue = 'tiles' AND args->>'tile' = '2'`,
		"UPDATE multiplications SET state = 'in_progress' WHERE m = 2600",
		`INSERT INTO workers (id, renewed_at)
			VALUES ('worker@a', now()), ('worker@b', now() - interval '1 hour'), ('api@c', now())`,
	} {
		b.exec(t, sql)
	}
	a := b.get(t, "/v1/overview").want(t, http.StatusOK)
	o := decode[resource.Overview](t, a)
	want := []resource.QueueState{{Name: "small", Waiting: 1}, {Name: "tiles", Waiting: 1, Running: 1, Retrying: 2}}
	if !slices.Equal(o.Queues, want) {
		t.Errorf("queues %+v, want %+v", o.Queues, want)
	}
	if want := (resource.ActiveMultiplications{Pending: 1, InProgress: 1}); o.Multiplications != want || o.Workers != 1 {
		t.Errorf("%+v, %d workers, want %+v, 1", o.Multiplications, o.Workers, want)
	}
	if o.Version != "v1.2.3" || o.OpsPort != 9090 || o.StartedAt.IsZero() || o.ObservedAt.Before(o.StartedAt) {
		t.Errorf("got %+v, want version v1.2.3, port 9090 and two times", o)
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q, want no-store", got)
	}
	for _, path := range []string{o.Links.Docs, o.Links.OpenAPI, o.Links.RiverUI} {
		b.get(t, path, "Accept", "*/*").want(t, http.StatusOK)
	}
}

// TestOverviewIsShared: concurrent requests share one read.
func TestOverviewIsShared(t *testing.T) {
	t.Parallel()
	var sent statements
	o := siteOptions(true)
	o.tracer = &sent
	b := setupWith(t, o)
	before := sent.Load()
	var group sync.WaitGroup
	seen := make([]resource.Overview, 200)
	for i := range seen {
		group.Go(func() { seen[i] = decode[resource.Overview](t, b.get(t, "/v1/overview").want(t, http.StatusOK)) })
	}
	group.Wait()
	reads := map[int64]bool{}
	for _, o := range seen {
		reads[o.ObservedAt.UnixNano()] = true
	}
	// On a slow machine the requests may take more than a second, the age of an overview.
	span := seen[len(seen)-1].ObservedAt.Sub(seen[0].ObservedAt).Abs()
	if most := 2 + int(span.Seconds()); len(reads) > most {
		t.Errorf("%d reads, want at most %d", len(reads), most)
	}
	if n, most := sent.Load()-before, int64(10*len(reads)); n > most {
		t.Errorf("%d statements for %d reads, want at most %d", n, len(reads), most)
	}
}

// statements counts the statements that a service sends. The transactions that Postgres counts would be more: the start
// of a connection, and on each connection the preparation of each statement, are transactions too.
type statements struct{ atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.Add(1)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestRiverUI(t *testing.T) {
	t.Parallel()
	b := setupSite(t, true)
	moved, err := (&http.Transport{}).RoundTrip(request(t, b.server.URL+"/riverui"))
	if err != nil {
		t.Fatal(err)
	}
	if got := moved.Header.Get("Location"); moved.StatusCode != http.StatusPermanentRedirect || got != "riverui/" {
		t.Errorf("status %s, Location %q, want a permanent redirect to riverui/", moved.Status, got)
	}
	page := b.get(t, "/riverui/").want(t, http.StatusOK)
	if !strings.Contains(string(page.body), `src="/riverui/assets/`) {
		t.Errorf("the page is %s, want a script in it", page.body)
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %q, want default-src 'none' in it", policy)
	}
	for _, path := range []string{"/riverui/assets/none.js", "/riverui/jobs"} {
		a := b.get(t, path).want(t, http.StatusOK)
		if got := a.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q, want no-store", path, got)
		}
	}
	_, rest, _ := strings.Cut(string(page.body), `src="`)
	script, _, _ := strings.Cut(rest, `"`)
	a := b.get(t, script).want(t, http.StatusOK)
	if got := a.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("%s: Cache-Control %q, want it immutable", script, got)
	}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRiverUIErrors: errors of River UI keep the form that its pages expect.
func TestRiverUIErrors(t *testing.T) {
	t.Parallel()
	b := setupSite(t, true)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/riverui/api/jobs/retry", `{"ids": ["12345"]}`, http.StatusNotFound},
		{"/riverui/api/jobs/retry", `{`, http.StatusBadRequest},
		{"/riverui/api/jobs/retry", `{"ids": ["` + strings.Repeat("1", 2<<20) + `"]}`, http.StatusRequestEntityTooLarge},
	} {
		a := b.send(t, http.MethodPost, c.path, strings.NewReader(c.body))
		var problem struct{ Message string }
		if err := json.Unmarshal(a.body, &problem); err != nil || a.StatusCode != c.status || problem.Message == "" {
			t.Errorf("%s: status %s, want %d with a message: %.200s", c.path, a.Status, c.status, a.body)
		}
	}
}

func TestWithoutRiverUI(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, path := range []string{"/riverui", "/riverui/", "/riverui/api/jobs"} {
		b.get(t, path).want(t, http.StatusNotFound)
	}
	if o := decode[resource.Overview](t, b.get(t, "/v1/overview").want(t, http.StatusOK)); o.Links.RiverUI != "" {
		t.Errorf("links %+v, want none to River UI", o.Links)
	}
	if m := b.submit(t, fourLargeTiles); m.Links.Jobs != "" {
		t.Errorf("links %+v, want none to jobs", m.Links)
	}
	if page := string(b.get(t, "/docs/").want(t, http.StatusOK).body); strings.Contains(page, "riverui") {
		t.Errorf("the page is %s, want no link to River UI", page)
	}
}

// TestLinkToJobs: the link to the jobs of a multiplication leads to them in each of its states.
func TestLinkToJobs(t *testing.T) {
	t.Parallel()
	b := setupSite(t, true)
	single := b.status(t, b.submit(t, `{"a": {"values": [[1]]}, "b": {"values": [[1]]}}`).ID)
	several := b.submit(t, fourLargeTiles)
	empty := b.submit(t, `{"a": {"random": {"rows": 0, "cols": 2}}, "b": {"random": {"rows": 2, "cols": 3}}}`)
	if empty.Links.Jobs != "" {
		t.Errorf("the link of a multiplication without tiles is %q, want none", empty.Links.Jobs)
	}
	if path := "/riverui/jobs/"; !strings.HasPrefix(single.Links.Jobs, path) || len(single.Links.Jobs) == len(path) {
		t.Errorf("the link of a single tile is %q, want the page of a job", single.Links.Jobs)
	}
	b.get(t, single.Links.Self).want(t, http.StatusOK)
	b.do(t, http.MethodHead, single.Links.Events, nil).want(t, http.StatusOK)
	toAPI := strings.NewReplacer("/riverui/jobs?", "/riverui/api/jobs?", "queue=", "queues=") // of River UI
	for _, c := range []struct {
		state  jobs.State
		sql    string
		listed int // how many jobs are shown
	}{
		{jobs.Pending, "state = 'available'", 4},
		{jobs.InProgress, "state = 'running' WHERE args->>'tile' = '1'", 1},
		{jobs.InProgress, `state = 'retryable', errors = array[jsonb_build_object('at', now(), 'attempt', 1, 'error', 'lost')]
			WHERE args->>'tile' = '1'`, 1},
		{jobs.Cancelled, "state = 'cancelled', finalized_at = now()", 4},
		{jobs.Failed, "state = 'cancelled', finalized_at = now()", 4},
		{jobs.Failed, "state = 'discarded' WHERE args->>'tile' = '2'", 1},
		{jobs.Completed, "state = 'completed'", 4},
	} {
		b.exec(t, "UPDATE river_job SET "+c.sql)
		b.exec(t, `UPDATE multiplications SET state = $1, tiles_completed = tiles_total,
			finished_at = CASE WHEN $1 NOT IN ('pending', 'in_progress') THEN now() END WHERE id = $2`, c.state, several.ID)
		link := b.status(t, several.ID).Links.Jobs
		a := b.get(t, toAPI.Replace(link)).want(t, http.StatusOK)
		if n := strings.Count(string(a.body), `"kind":"multiply_tile"`); n != c.listed {
			t.Errorf("%s, %s: %s shows %d jobs, want %d", c.state, c.sql, link, n, c.listed)
		}
	}
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := b.store.Pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/jobs"
)

const tinySubmission = `{"a": {"values": [[1, 2]]}, "b": {"values": [[3], [4]]}}`

func (b *testBundle) list(t *testing.T, query string) resource.MultiplicationList {
	t.Helper()
	return decode[resource.MultiplicationList](t, b.get(t, "/v1/multiplications"+query).want(t, http.StatusOK))
}

func ids(list resource.MultiplicationList) []string {
	var ids []string
	for _, m := range list.Items {
		ids = append(ids, m.ID)
	}
	return ids
}

// setState sets the state of a multiplication without jobs that run.
func (b *testBundle) setState(t *testing.T, id string, state jobs.State) {
	t.Helper()
	b.exec(t, "SELECT expand_inline(ARRAY[$1::uuid], interval '1 hour', 10)", id)
	b.exec(t, `UPDATE multiplications SET state = $2,
		finished_at = CASE WHEN $2 IN ('completed', 'failed', 'cancelled') THEN now() END,
		tiles_completed = CASE WHEN $2 = 'completed' THEN tiles_total ELSE 0 END
		WHERE id = $1`, id, state)
}

func TestListPages(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	if list := b.list(t, ""); list.Items == nil || len(list.Items) != 0 || list.NextCursor != "" {
		t.Errorf("the first list is %+v, want an empty one", list)
	}
	var submitted []string
	for range 7 {
		submitted = append(submitted, b.submit(t, tinySubmission).ID)
	}
	slices.Reverse(submitted)
	if got := ids(b.list(t, "")); !slices.Equal(got, submitted) {
		t.Errorf("got %v, want %v", got, submitted)
	}
	first := b.list(t, "?limit=1").Items[0]
	if first.ID != submitted[0] || first.State != "pending" || first.Shape.K != 2 {
		t.Errorf("the first item is %+v, want %s, pending, with an inner dimension of 2", first, submitted[0])
	}
	var paged []string
	pages := 0
	for next := "/v1/multiplications?limit=3"; next != ""; pages++ {
		a := b.get(t, next).want(t, http.StatusOK)
		list := decode[resource.MultiplicationList](t, a)
		paged = append(paged, ids(list)...)
		b.submit(t, tinySubmission) // a newer one does not shift the pages
		link := a.Header.Get("Link")
		next = ""
		if list.NextCursor != "" {
			next = regexp.MustCompile(`^<(/v1/multiplications\?\S+)>; rel="next"$`).FindStringSubmatch(link)[1]
			if query, err := url.Parse(next); err != nil || query.Query().Get("cursor") != list.NextCursor {
				t.Errorf("Link %q, want the cursor %s in it", link, list.NextCursor)
			}
		} else if link != "" {
			t.Errorf("the last page has Link %q, want none", link)
		}
	}
	if pages != 3 || !slices.Equal(paged, submitted) {
		t.Errorf("%d pages, want 3: %v, want %v", pages, paged, submitted)
	}
}

// TestListPagesOfOneMoment: multiplications that were created at the same time are each on a page.
func TestListPagesOfOneMoment(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for range 5 {
		b.submit(t, tinySubmission)
	}
	b.exec(t, "UPDATE multiplications SET created_at = '2026-01-02T03:04:05.678901Z'")
	seen := map[string]bool{}
	for cursor := ""; ; {
		list := b.list(t, "?limit=2"+cursor)
		for _, id := range ids(list) {
			seen[id] = true
		}
		if list.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + list.NextCursor
	}
	if len(seen) != 5 {
		t.Errorf("%d multiplications are on a page, want 5", len(seen))
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	m := b.upload(t, someElements(2, 2).npy())
	const other = `{"values": [[1, 2], [3, 4]]}`
	of := map[string]string{}
	for state, body := range map[jobs.State]string{
		jobs.Pending:    fmt.Sprintf(`{"a": {"matrix_id": %q}, "b": %s}`, m.ID, other),
		jobs.Completed:  fmt.Sprintf(`{"b": {"matrix_id": %q}, "a": %s}`, m.ID, other),
		jobs.Failed:     fmt.Sprintf(`{"a": {"matrix_id": %q}, "b": {"matrix_id": %[1]q}}`, m.ID),
		jobs.Cancelled:  tinySubmission,
		jobs.InProgress: tinySubmission,
	} {
		p := b.submit(t, body)
		b.setState(t, p.ID, state)
		of[string(state)] = p.ID
	}
	want := func(query string, states ...string) {
		t.Helper()
		var wanted []string
		for _, state := range states {
			wanted = append(wanted, of[state])
		}
		got := ids(b.list(t, query))
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %v, want %v", query, got, wanted)
		}
	}
	for state := range of {
		want("?state="+state, state)
	}
	want("", "pending", "in_progress", "completed", "failed", "cancelled")
	want("?state=failed&state=cancelled", "failed", "cancelled")
	want("?matrix_id="+m.ID, "pending", "completed", "failed")
	want("?matrix_id="+m.ID+"&state=failed&state=cancelled", "failed")
	want("?matrix_id=" + uuid.NewString())
	completed := b.status(t, of["completed"])
	want("?matrix_id="+completed.Result.MatrixID, "completed")
	at := url.QueryEscape(completed.CreatedAt.Format(time.RFC3339Nano))
	if n := len(ids(b.list(t, "?created_since="+at))) + len(ids(b.list(t, "?created_before="+at))); n != 5 {
		t.Errorf("%d multiplications before and since a time, want 5", n)
	}
	want("?state=completed&created_since="+at, "completed")
	want("?state=completed&created_before=" + at)
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for query, word := range map[string]string{
		"?state=done":             "state",
		"?limit=0":                "limit",
		"?limit=201":              "limit",
		"?limit=many":             "limit",
		"?limit=-1":               "limit",
		"?cursor=x":               "cursor",
		"?cursor=AAAA":            "cursor",
		"?matrix_id=1":            "matrix_id",
		"?created_since=tomorrow": "created_since",
		"?created_before=0":       "created_before",
	} {
		a := b.get(t, "/v1/multiplications"+query).want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(a.body), word) {
			t.Errorf("%s: got %s, want %q in it", query, a.body, word)
		}
	}
}

func TestETags(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	m := b.upload(t, someElements(2, 2).npy())
	p := b.submit(t, tinySubmission)
	for _, path := range []string{"/v1/multiplications", "/v1/multiplications/" + p.ID, "/v1/matrices/" + m.ID} {
		tag := b.get(t, path).want(t, http.StatusOK).Header.Get("ETag")
		for _, header := range []string{tag, `"x", W/` + tag, "*"} {
			a := b.get(t, path, "If-None-Match", header).want(t, http.StatusNotModified)
			if len(a.body) != 0 || a.Header.Get("ETag") != tag {
				t.Errorf("%s: ETag %s, want %s; body %s", path, a.Header.Get("ETag"), tag, a.body)
			}
		}
		if a := b.get(t, path, "If-None-Match", `"x"`).want(t, http.StatusOK); a.Header.Get("ETag") != tag {
			t.Errorf("%s: ETag %s, want %s again", path, a.Header.Get("ETag"), tag)
		}
	}
	path := "/v1/multiplications/" + p.ID
	tag := b.get(t, path).Header.Get("ETag")
	b.setState(t, p.ID, jobs.Failed)
	changed := b.get(t, path, "If-None-Match", tag).want(t, http.StatusOK).Header.Get("ETag")
	if changed == tag {
		t.Errorf("the ETag after a change is %s, want another one", changed)
	}
}

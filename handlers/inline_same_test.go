package handlers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
	"github.com/millrace/millrace/store/inline"
)

// byDown is the expansion by the migration that goes back: it knows no digests, which are not promised.
const byDown = "by Down"

// expansions are the ways by which an inline multiplication gets rows of its own.
var expansions = map[string]func(b *testBundle, t *testing.T, m resource.Multiplication){
	byDown: func(b *testBundle, t *testing.T, m resource.Multiplication) {
		b.exec(t, "SELECT expand_inline(ARRAY[$1::uuid], interval '1 hour', 10)", m.ID)
	},
	"by its use": func(b *testBundle, t *testing.T, m resource.Multiplication) {
		other := b.submit(t, fmt.Sprintf(`{"a": {"matrix_id": %q}, "b": {"matrix_id": %[1]q}}`, m.A.MatrixID))
		b.do(t, http.MethodPost, "/v1/multiplications/"+other.ID+"/cancel", nil)
		eventually(t, func() bool {
			response := b.do(t, http.MethodDelete, "/v1/multiplications/"+other.ID, nil)
			return response.StatusCode == http.StatusNoContent
		})
	},
}

// TestExpandedTellsTheSame: what clients read of a multiplication is the same before and after it got rows of its own.
func TestExpandedTellsTheSame(t *testing.T) {
	t.Parallel()
	for name, expand := range expansions {
		for _, state := range []string{"pending", "completed"} {
			t.Run(name+", "+state, func(t *testing.T) {
				t.Parallel()
				b := setupWith(t, options{idle: state == "pending"})
				created := time.Now().Add(-time.Second)
				contentType, files := form(t, part{"a", someElements(2, 2).npy()}, part{"b", someElements(2, 2).float32().npy()})
				response := b.post(t, "/v1/multiplications", contentType, files).want(t, http.StatusAccepted)
				m := decode[resource.Multiplication](t, response)
				if state == "completed" {
					m = b.complete(t, m.ID)
				}
				paths := readsOf(t, m, created)
				before := b.readings(t, paths, m, name != byDown)
				expand(b, t, m)
				if rows := b.kept(t); rows.multiplications != 1 || rows.inline != 0 {
					t.Fatalf("%d multiplications with rows of their own and %d inline, want 1 and 0", rows.multiplications, rows.inline)
				}
				after := b.readings(t, paths, m, name != byDown)
				for what, want := range before {
					if got := after[what]; !reflect.DeepEqual(got, want) {
						t.Errorf("%s: got after the expansion\n%v, want as before it\n%v", what, got, want)
					}
				}
			})
		}
	}
}

// readsOf are the paths by which a multiplication and its matrices are read.
func readsOf(t *testing.T, m resource.Multiplication, created time.Time) []string {
	t.Helper()
	since := "created_since=" + url.QueryEscape(created.Format(time.RFC3339Nano))
	paths := []string{
		"/v1/multiplications/" + m.ID,
		"/v1/multiplications/" + m.ID + "/result",
		"/v1/multiplications/" + m.ID + "/result?rows=1:2",
		"/v1/multiplications",
		"/v1/multiplications?state=pending",
		"/v1/multiplications?state=completed",
		"/v1/multiplications?state=in_progress&state=failed&state=cancelled",
		"/v1/multiplications?limit=1",
		"/v1/multiplications?" + since,
		"/v1/multiplications?created_before=" + url.QueryEscape(created.Format(time.RFC3339Nano)),
		"/v1/overview",
	}
	for _, id := range matricesOf(t, m) {
		paths = append(paths,
			"/v1/multiplications?matrix_id="+id,
			"/v1/multiplications?"+since+"&matrix_id="+id,
			"/v1/matrices/"+id,
			"/v1/matrices/"+id+"/content",
			"/v1/matrices/"+id+"/content?cols=0:1")
	}
	return paths
}

// matricesOf returns the ids of the operands and of the result, which a multiplication that waits does not tell.
func matricesOf(t *testing.T, m resource.Multiplication) []string {
	t.Helper()
	id, err := uuid.Parse(m.ID)
	if err != nil {
		t.Fatal(err)
	}
	return []string{m.A.MatrixID, m.B.MatrixID, inline.PartC.ID(id).String()}
}

// readings are what each path, and the stream of events, tells.
func (b *testBundle) readings(t *testing.T, paths []string, m resource.Multiplication, digests bool) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, path := range paths {
		for _, accept := range []string{jsonType, npyType} {
			if accept == npyType && !strings.Contains(path, "content") && !strings.Contains(path, "result") {
				continue
			}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				response := b.do(t, method, path, nil, "Accept", accept, "Want-Repr-Digest", "sha-256=1")
				all[strings.Join([]string{method, path, accept}, " ")] = reading(t, response, digests)
			}
		}
	}
	events := b.subscribe(t, m.ID)
	for i := 0; ; i++ {
		e, err := events.next()
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if err != nil {
			break
		}
		data, err := json.Marshal(e.data)
		if err != nil {
			t.Fatal(err)
		}
		all[fmt.Sprintf("event %d", i)] = fmt.Sprintf("%d %s %s", e.id, e.kind, data)
		if m.State == "pending" {
			break // the stream stays open
		}
	}
	return all
}

// reading is a response without what may differ: where its jobs are, when a matrix expires, when the system was looked
// at and what its queues had then, and tags of all of that.
func reading(t *testing.T, a received, digests bool) any {
	t.Helper()
	headers := map[string]string{}
	for _, name := range []string{"Content-Type", "Repr-Digest", "Content-Digest", "Content-Disposition", "Accept-Ranges"} {
		headers[name] = a.Header.Get(name)
	}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), jsonType) || strings.Contains(a.Request.URL.Path, "content") {
		headers["ETag"] = a.Header.Get("ETag")
	}
	var body any = string(a.body)
	if strings.Contains(a.Header.Get("Content-Type"), "json") && len(a.body) > 0 {
		if err := json.Unmarshal(a.body, &body); err != nil {
			t.Fatal(err)
		}
		body = withoutDetails(body, digests)
	}
	return []any{a.StatusCode, headers, body}
}

func withoutDetails(v any, digests bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			switch {
			case name == "jobs", name == "digest" && !digests, name == "observed_at", name == "queues":
				delete(v, name)
			case name == "expires_at" && v["source"] != nil: // using a matrix keeps it from expiring
				v[name] = true
			default:
				v[name] = withoutDetails(member, digests)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutDetails(v[i], digests)
		}
	}
	return v
}

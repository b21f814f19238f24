package handlers_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/problem"
)

// TestProblemsSayWhatIsRight: errors that no operation makes say what would be right.
func TestProblemsSayWhatIsRight(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	m := b.submit(t, tinySubmission)
	for name, c := range map[string]struct {
		method, path string
		status       int
		code         problem.Code
		says         string
	}{
		"path":       {http.MethodGet, "/v1/multiplication", 404, problem.NoSuchPath, "did you mean /v1/multiplications?"},
		"subpath":    {http.MethodGet, "/v1/multiplications/" + m.ID + "/event", 404, problem.NoSuchPath, "did you mean /v1/multiplications/{id}/events?"},
		"other path": {http.MethodGet, "/elsewhere", 404, problem.NoSuchPath, "/openapi.json"},
		"method":     {http.MethodDelete, "/v1/overview", 405, problem.MethodNotAllowed, "takes GET, HEAD"},
		"id":         {http.MethodGet, "/v1/multiplications/x", 404, problem.NotFound, "deleted or has expired"},
		"no result":  {http.MethodGet, "/v1/multiplications/" + m.ID + "/result", 409, problem.NotCompleted, "Prefer: wait=60"},
		"retry":      {http.MethodPost, "/v1/multiplications/" + m.ID + "/retry", 409, problem.Active, "still being worked on"},
		"in use":     {http.MethodDelete, "/v1/matrices/" + m.A.MatrixID, 409, problem.InUse, "delete those first"},
		"query":      {http.MethodGet, "/v1/multiplications?colour=red", 422, problem.InvalidParameter, "created_before, created_since, cursor, limit, matrix_id, state"},
		"no query":   {http.MethodGet, "/v1/overview?colour=red", 422, problem.InvalidParameter, "this operation has none"},
		"value":      {http.MethodGet, "/v1/multiplications?limit=1000", 422, problem.InvalidParameter, "<= 200"},
		"state":      {http.MethodGet, "/v1/multiplications?state=red", 422, problem.InvalidParameter, "pending, in_progress, completed, failed, cancelled"},
		"window":     {http.MethodGet, "/v1/matrices/" + m.A.MatrixID + "/content?rows=1-2", 422, problem.InvalidParameter, "first:end as in NumPy, such as 0:100"},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.send(t, c.method, c.path, nil).want(t, c.status)
			a.checkProblem(t)
			p := decode[problem.Problem](t, a)
			if p.Code != c.code || !strings.Contains(string(a.body), c.says) {
				t.Errorf("the problem is %s, want %s that says %q", a.body, c.code, c.says)
			}
		})
	}
}

// TestTypesResolve: the type of a problem leads to the row of its code, also below a prefix.
func TestTypesResolve(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	for _, path := range []string{"/v1/nothing", "/v1/multiplications/x", "/v1/overview?x=1"} {
		p := decode[problem.Problem](t, b.send(t, http.MethodGet, path, nil))
		at, id, _ := strings.Cut(p.Type, "#")
		page := b.send(t, http.MethodGet, at, nil).want(t, http.StatusOK)
		if id != string(p.Code) || !strings.Contains(string(page.body), `<tr id="`+id+`">`) {
			t.Errorf("%s has the type %s, want that of %s", path, p.Type, p.Code)
		}
		below := decode[problem.Problem](t, b.send(t, http.MethodGet, path, nil, "X-Forwarded-Prefix", "/m"))
		if below.Type != "/m"+p.Type {
			t.Errorf("below /m the type of %s is %s, want /m%s", path, below.Type, p.Type)
		}
	}
}

// TestRequestIDs: the id of a request is taken over if it is one, and else made; a problem has it, too.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	made := regexp.MustCompile(`^[0-9a-f]{16}$`)
	seen := map[string]bool{}
	for _, path := range []string{"/v1/overview", "/v1/nothing", "/v1/multiplications/x", "/"} {
		for given, taken := range map[string]bool{
			"":                       false,
			"abc-1.2:3/4":            true,
			"a b":                    false,
			"<script>":               false,
			strings.Repeat("x", 200): false,
		} {
			a := b.send(t, http.MethodGet, path, nil, "X-Request-Id", given)
			id := a.Header.Get("X-Request-Id")
			if taken && id != given || !taken && (!made.MatchString(id) || seen[id]) {
				t.Errorf("%s with the id %q has the id %q", path, given, id)
			}
			seen[id] = !taken
			var p problem.Problem
			if a.StatusCode >= 400 && (json.Unmarshal(a.body, &p) != nil || p.RequestID != id) {
				t.Errorf("%s: the problem is %s, want the id %s in it", path, a.body, id)
			}
		}
	}
}

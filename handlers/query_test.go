package handlers_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestQueries: a query that is not understood is refused, and not ignored: the response would not be what was asked
// for.
func TestQueries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.complete(t, b.submit(t, tinySubmission).ID)
	content := "/v1/matrices/" + m.Result.MatrixID + "/content"
	for path, want := range map[string]string{
		m.Result.Href + "?rows=0:1%":                                              "query",
		m.Result.Href + "?rows=0:1;cols=0:1":                                      "query",
		m.Result.Href + "?rows=%zz":                                               "query",
		m.Result.Href + "?rows=0:1&rows=0:0":                                      "query.rows",
		m.Result.Href + "?rows=0:1&%72ows=0:0":                                    "query.rows",
		m.Result.Href + "?row=0:1":                                                "query.row",
		m.Result.Href + "?Rows=0:1":                                               "query.Rows",
		content + "?cols=0:1&cols=0:1":                                            "query.cols",
		content + "?%":                                                            "query",
		"/v1/multiplications?limit=1&limit=200":                                   "query.limit",
		"/v1/multiplications?state=failed&%":                                      "query",
		"/v1/multiplications?cursor=&cursor=":                                     "query.cursor",
		"/v1/multiplications?" + strings.Repeat("state=failed&", 400):             "4096",
		"/v1/multiplications?" + strings.Repeat("&", 20_000):                      "4096",
		"/v1/multiplications/" + m.ID + "?" + strings.Repeat("x", 4097):           "4096",
		"/v1/multiplications/" + m.ID + "?x=1":                                    "query.x",
		"/v1/multiplications/" + m.ID + "?%":                                      "query",
		"/v1/multiplications/" + m.ID + "/events?last_event_id=1&last_event_id=2": "query.last_event_id",
		"/v1/overview?a;b":                                                        "query",
		"/v1/overview?fast":                                                       "query.fast",
	} {
		a := b.get(t, path).want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%.100s: %s, want %q in it", path, a.body, want)
		}
	}
	for _, path := range []string{
		"/matrix_multiplication/", "/v1/multiplications", "/v1/matrices", "/v1/multiplications/" + m.ID + "/cancel",
		"/v1/multiplications/" + m.ID + "/retry",
	} {
		before := b.kept(t)
		for _, query := range []string{"x=1", "%", strings.Repeat("x", 4097)} {
			b.post(t, path+"?"+query, jsonType, []byte(tinySubmission)).want(t, http.StatusUnprocessableEntity)
		}
		b.wantKept(t, before)
	}
	b.get(t, "/v1/multiplications?state=failed&state=completed").want(t, http.StatusOK)
}

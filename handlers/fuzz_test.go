package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// FuzzSubmission sends arbitrary text to the routes that read JSON, to all of them at once: a request is computed for some
// sixty microseconds, and waits for the database for far longer. The response must be a success or a problem with status
// 4xx.
func FuzzSubmission(f *testing.F) {
	b := setupWith(f, options{idle: true})
	for _, text := range []string{
		`{"A": [[1,2],[3,4]], "B": [[5,6],[7,8]]}`,
		`{"a": {"values": [[1, -2.5e3]]}, "priority": 4,
			"b": {"random": {"rows": 2, "cols": 3, "seed": 1, "dtype": "float32"}}}`,
		`{"b": {"matrix_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "a": {"values": [[], []]}}`,
		`{"values": [[0.1], [1e-999]]}`,
		`{"random": {"rows": 9223372036854775807, "cols": 0}}`,
		`[[1], [2]]`,
		`[{"a": {"values": [[1]]}, "b": {"values": [[2]]}}, {"a": [], "priority": 0}]`,
		"{\"\xff\": [[[",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		paths := []string{"/matrix_multiplication/", "/v1/multiplications", "/v1/matrices", "/v1/multiplications:batch"}
		responses := make([]*httptest.ResponseRecorder, len(paths))
		var requests sync.WaitGroup
		for i, path := range paths {
			requests.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(text))
				r.Header.Set("Content-Type", jsonType)
				responses[i] = httptest.NewRecorder()
				b.handler.ServeHTTP(responses[i], r)
			})
		}
		requests.Wait()
		for i, path := range paths {
			a := received{Response: responses[i].Result(), body: responses[i].Body.Bytes()}
			switch {
			case a.StatusCode >= 500 || a.StatusCode < 200:
				t.Errorf("%s: status %s, want 2xx to 4xx: %s", path, a.Status, a.body)
			case a.StatusCode >= 400:
				a.checkProblem(t)
			}
		}
	})
}

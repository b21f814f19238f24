package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

// TestSlash: a collection has one path, with or without a slash at the end. Clients that do not follow redirects of a
// POST can use both, and an idempotency key counts for both.
func TestSlash(t *testing.T) {
	t.Parallel()
	b := setupWith(t, options{idle: true})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func(path, body string) received {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", jsonType)
		r.Header.Set("Idempotency-Key", "slash of "+strings.TrimSuffix(path, "/"))
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a := received{Response: response}
		a.read(t)
		return a
	}
	for path, body := range map[string]string{
		"/matrix_multiplication": `{"A": [[1, 2]], "B": [[3], [4]]}`,
		"/v1/multiplications":    tinySubmission,
	} {
		first := decode[resource.Multiplication](t, post(path, body).want(t, http.StatusAccepted))
		again := decode[resource.Multiplication](t, post(path+"/", body).want(t, http.StatusAccepted))
		if first.ID != again.ID {
			t.Errorf("%s: two multiplications, %s and %s, want one", path, first.ID, again.ID)
		}
	}
	const matrix = `{"values": [[1, 2]]}`
	post("/v1/matrices", matrix).want(t, http.StatusCreated)
	post("/v1/matrices/", matrix).want(t, http.StatusCreated)
	if got := b.list(t, "/?limit=1"); len(got.Items) != 1 {
		t.Errorf("a page has %d multiplications, want 1", len(got.Items))
	}
	b.get(t, "/matrix_multiplication").want(t, http.StatusMethodNotAllowed)
}

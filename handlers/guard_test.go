package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/millrace/millrace/handlers/resource"
)

// TestFromElsewhere: pages of other sites must not change anything, neither by the API nor in River UI.
func TestFromElsewhere(t *testing.T) {
	t.Parallel()
	b := setupSite(t, true)
	kind, body := form(t, part{"a", someElements(2, 2).npy()}, part{"b", someElements(2, 2).npy()})
	id := uuid.NewString()
	for _, c := range []struct{ method, path string }{
		{http.MethodPost, "/matrix_multiplication/"},
		{http.MethodPost, "/v1/multiplications"},
		{http.MethodPost, "/v1/multiplications/" + id + "/cancel"},
		{http.MethodPost, "/v1/multiplications/" + id + "/retry"},
		{http.MethodDelete, "/v1/multiplications/" + id},
		{http.MethodPost, "/v1/matrices"},
		{http.MethodDelete, "/v1/matrices/" + id},
		{http.MethodPost, "/riverui/api/jobs/cancel"},
		{http.MethodPut, "/riverui/api/queues/tiles/pause"},
		{http.MethodPost, "/"},
		{http.MethodPost, "/docs/"},
	} {
		for _, from := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://example.org"},
			{"Origin", "null"},
		} {
			headers := append([]string{"Content-Type", kind}, from...)
			b.do(t, c.method, c.path, strings.NewReader(string(body)), headers...).want(t, http.StatusForbidden)
		}
	}
	b.wantKept(t, kept{})
	for _, from := range [][]string{
		{"Sec-Fetch-Site", "same-origin"},
		{"Sec-Fetch-Site", "none"},
		{"Origin", b.server.URL},
	} {
		headers := append([]string{"Content-Type", kind}, from...)
		a := b.do(t, http.MethodPost, "/v1/multiplications", strings.NewReader(string(body)), headers...)
		m := decode[resource.Multiplication](t, a.want(t, http.StatusAccepted))
		b.get(t, m.Links.Self, "Sec-Fetch-Site", "cross-site").want(t, http.StatusOK) // a link
	}
}

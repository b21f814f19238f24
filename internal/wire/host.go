package wire

import (
	"net/http"
	"testing"
)

// StatusOf sends a GET request that names another host than that of its URL, and returns the status of the response.
func StatusOf(t testing.TB, url, host string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

package download_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/millrace/millrace/handlers/download"
	"github.com/millrace/millrace/handlers/resource"
)

// TestProblemInsteadOfContent: an error before the first byte is a problem with its detail and its headers, and without
// those of the content.
func TestProblemInsteadOfContent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		late := download.NewLateWriter(w)
		late.Header().Set("Content-Length", "1000")
		late.WriteHeader(http.StatusOK)
		problem := huma.NewError(http.StatusServiceUnavailable, "try again later")
		late.Finish(huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {"5"}}))
	}))
	t.Cleanup(server.Close)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var got huma.ErrorModel
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Status != http.StatusServiceUnavailable || got.Detail != "try again later" {
		t.Errorf("the problem is %+v, want status 503 and its detail", got)
	}
	if response.Header.Get("Retry-After") != "5" || response.Header.Get("Content-Type") != resource.MediaProblem {
		t.Errorf("the headers are %v, want those of the problem", response.Header)
	}
}

package handlers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

// doLines sends a request with several lines of one header.
func (b *testBundle) doLines(t *testing.T, method, path string, body io.Reader, name string, lines ...string) received {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header[name] = lines
	if body != nil {
		r.Header.Set("Content-Type", npyType)
	}
	response, err := b.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a := received{Response: response}
	a.read(t)
	return a
}

// TestListsOnSeveralLines: a list is the same on one line and on several.
func TestListsOnSeveralLines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.complete(t, b.submit(t, tinySubmission).ID)
	result := m.Result.Href
	tag := b.get(t, result).want(t, http.StatusOK).Header.Get("ETag")
	self := b.get(t, m.Links.Self).want(t, http.StatusOK).Header.Get("ETag")
	for _, c := range []struct {
		path, name, last string
		status           int
	}{
		{result, "Accept", "application/json", http.StatusOK},
		{m.Links.Events, "Accept", "text/event-stream", http.StatusOK},
		{result, "If-None-Match", tag, http.StatusNotModified},
		{result, "If-Match", tag, http.StatusOK},
		{m.Links.Self, "If-None-Match", self, http.StatusNotModified},
		{m.Links.Self, "Prefer", "wait=1", http.StatusOK},
		{result, "Want-Repr-Digest", "sha-256=1", http.StatusOK},
	} {
		first := map[string]string{"Accept": "text/html", "Prefer": "respond-async", "Want-Repr-Digest": "md5=1"}[c.name]
		if first == "" {
			first = `"another"`
		}
		a := b.doLines(t, http.MethodGet, c.path, nil, c.name, first, c.last).want(t, c.status)
		if c.name == "Accept" && c.path == result && !json.Valid(a.body) {
			t.Errorf("the result is %.40q, want JSON", a.body)
		}
		if got := a.Header.Get("Preference-Applied"); c.name == "Prefer" && got != "wait=1" {
			t.Errorf("Preference-Applied is %q, want wait=1", got)
		}
	}
	file := someElements(2, 2).npy()
	stored := decode[resource.Matrix](t, b.post(t, "/v1/matrices", npyType, file).want(t, http.StatusCreated))
	right := b.get(t, "/v1/matrices/"+stored.ID+"/content").want(t, http.StatusOK).Header.Get("Repr-Digest")
	wrong := "sha-256=:" + strings.Repeat("A", 43) + "=:"
	for _, name := range []string{"Content-Digest", "Repr-Digest"} {
		for _, lines := range [][]string{{"unknown=:AAAA:", right}, {"unknown=:AAAA:", wrong}} {
			want := http.StatusCreated
			if lines[1] == wrong {
				want = http.StatusBadRequest
			}
			b.doLines(t, http.MethodPost, "/v1/matrices", bytes.NewReader(file), name, lines...).want(t, want)
		}
	}
}

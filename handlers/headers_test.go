package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// wantRestricted checks the headers that restrict browsers and caches.
func (a received) wantRestricted(t *testing.T, policy, referrer, cache string) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      policy,
		"Referrer-Policy":              referrer,
		"Cache-Control":                cache,
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Content-Type-Options":       "nosniff",
	} {
		if got := a.Header.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s %s: %s: %s is %q, want %q", a.Request.Method, a.Request.URL, a.Status, name, got, want)
		}
	}
}

// wantRestrictedAPI is wantRestricted for a response of the API: what has an ETag may be kept by its client, for the
// principals that may see it.
func (a received) wantRestrictedAPI(t *testing.T) {
	t.Helper()
	cache := "no-store"
	if a.StatusCode < http.StatusBadRequest && a.Header.Get("ETag") != "" {
		cache = "private, no-cache"
		if vary := a.Header.Values("Vary"); !slices.Contains(vary, "Authorization, Cookie") {
			t.Errorf("%s %s: Vary is %q, want Authorization and Cookie in it", a.Request.Method, a.Request.URL, vary)
		}
	}
	a.wantRestricted(t, "default-src 'none'; frame-ancestors 'none'", "no-referrer", cache)
}

// TestHeadersOfAPI: every response of every operation restricts what browsers and caches do with it, as OWASP advises.
func TestHeadersOfAPI(t *testing.T) {
	t.Parallel()
	b := setupSite(t, false)
	m := b.submit(t, twoByTwo)
	b.complete(t, m.ID)
	ids := strings.NewReplacer("/v1/multiplications/{id}", "/v1/multiplications/"+m.ID,
		"/v1/matrices/{id}", "/v1/matrices/"+m.A.MatrixID, "{$}", "")
	unknown := strings.NewReplacer("{id}", "x", "{$}", "")
	kept := 0
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		for pattern := range describedAPI(t).routes {
			if !strings.HasPrefix(pattern, method) {
				continue
			}
			_, path, _ := strings.Cut(pattern, " ")
			for _, headers := range [][]string{
				nil,
				{"Accept", "x/y"},
				{"If-None-Match", "*"},
				{"Origin", "https://elsewhere.example"},
				{"Content-Type", jsonType, "Content-Encoding", "gzip"},
				{"Content-Type", jsonType},
				{"Range", "bytes=0-1"},
				{"Range", "bytes=100000-"},
			} {
				body := func() *strings.Reader { return strings.NewReader(tinySubmission) }
				b.send(t, method, unknown.Replace(path), body(), headers...).wantRestrictedAPI(t)
				a := b.send(t, method, ids.Replace(path), body(), headers...)
				a.wantRestrictedAPI(t)
				if a.Header.Get("ETag") != "" {
					kept++
				}
			}
			b.send(t, http.MethodPatch, ids.Replace(path), nil).wantRestrictedAPI(t)
			b.send(t, http.MethodHead, ids.Replace(path), nil).wantRestrictedAPI(t)
			b.send(t, http.MethodGet, ids.Replace(path)+"?a=1&a=2", nil).wantRestrictedAPI(t)
		}
	}
	if kept == 0 {
		t.Error("no response had an ETag, want some")
	}
	for _, path := range []string{"/nothing", "/openapi.json", "/openapi.yaml", "/v1", "/v1/overview"} {
		b.send(t, http.MethodGet, path, nil).wantRestrictedAPI(t)
	}
}

// TestHeadersOfPages: pages have a policy of their own, and no more than that.
func TestHeadersOfPages(t *testing.T) {
	t.Parallel()
	b := setupSite(t, true)
	for path, cache := range map[string]string{
		"/":                    "no-cache",
		"/docs/":               "no-cache",
		"/riverui/":            "no-store",
		"/riverui/api/queues":  "no-store",
		"/riverui/api/nothing": "no-store",
	} {
		a := b.send(t, http.MethodGet, path, nil)
		policy := a.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "script-src 'self'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q, want one of a page", path, policy)
		}
		a.wantRestricted(t, policy, "same-origin", cache)
	}
}

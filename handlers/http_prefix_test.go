package handlers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/millrace/millrace/handlers/resource"
)

// reverseProxy serves a site below a path of its own, which it removes from the requests that it sends and names in
// X-Forwarded-Prefix. It returns the address of the site below that path.
func reverseProxy(t *testing.T, prefix, site string) string {
	t.Helper()
	target, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-Prefix", prefix)
	}}
	server := httptest.NewServer(http.StripPrefix(strings.TrimSuffix(prefix, "/"), proxy))
	t.Cleanup(server.Close)
	return server.URL + strings.TrimSuffix(prefix, "/")
}

// behind is a client that looks at every reference in what it receives.
type behind struct {
	t    *testing.T
	root string // of the site
	seen map[string]bool
}

var (
	inJSON   = regexp.MustCompile(`":"(/[^"]*)"`)
	inPage   = regexp.MustCompile(`(?:href|src)="([^"]*)"|"(/[a-z][^"]*)"`)
	inHeader = regexp.MustCompile(`^<([^>]*)>`)
)

// do sends a request, and notes the references in its response; each must be below the root.
func (b *behind) do(method, target, body string, headers ...string) received {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", jsonType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	a := received{Response: response}
	a.read(b.t)
	found := []string{a.Header.Get("Location")}
	for _, m := range inHeader.FindAllStringSubmatch(a.Header.Get("Link"), -1) {
		found = append(found, m[1])
	}
	pattern := inPage
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		pattern = inJSON
	}
	examples := strings.HasPrefix(target, b.root+"/openapi") || strings.Contains(a.Header.Get("Content-Type"), "javascript")
	if !examples {
		for _, m := range pattern.FindAllStringSubmatch(string(a.body), -1) {
			found = append(found, strings.Join(m[1:], ""))
		}
	}
	for _, reference := range found {
		if reference == "" {
			continue
		}
		to, err := r.URL.Parse(reference)
		if err != nil || !strings.HasPrefix(to.String(), b.root+"/") {
			b.t.Errorf("%s %s refers to %s, want it below %s", method, target, reference, b.root)
			continue
		}
		b.seen[to.String()] = true
	}
	return a
}

// TestBelowPrefix: whatever a response refers to, in headers, bodies, events and pages, is below the path of the proxy,
// and is there.
func TestBelowPrefix(t *testing.T) {
	t.Parallel()
	site := setupSite(t, false)
	for _, prefix := range []string{"/millrace", "/a/b-1/c.d/"} {
		root := reverseProxy(t, prefix, site.server.URL)
		b := &behind{
			t:    t,
			root: root,
			seen: map[string]bool{},
		}
		const simple = `{"A": [[1, 2]], "B": [[3], [4]]}`
		b.do(http.MethodPost, root+"/matrix_multiplication/", simple).want(t, http.StatusAccepted)
		b.do(http.MethodPost, root+"/matrix_multiplication", simple, "Prefer", "wait=60").want(t, http.StatusOK)
		for range 2 { // the second response is a replay
			b.do(http.MethodPost, root+"/v1/multiplications", fourLargeTiles, "Idempotency-Key", prefix).
				want(t, http.StatusAccepted)
			a := b.do(http.MethodPost, root+"/v1/matrices", `{"values": [[1]]}`, "Idempotency-Key", prefix+" matrix")
			if location, err := a.want(t, http.StatusCreated).Location(); err != nil || !b.seen[location.String()] {
				t.Errorf("Location %v, %v, want it below %s", location, err, root)
			}
		}
		b.do(http.MethodGet, root+"/v1/multiplications?limit=1", "").want(t, http.StatusOK)
		b.do(http.MethodGet, root+"/v1/overview", "").want(t, http.StatusOK)
		a := b.do(http.MethodPost, root+"/v1/multiplications", tinySubmission, "Prefer", "wait=60").want(t, http.StatusOK)
		m := decode[resource.Multiplication](t, a)
		b.do(http.MethodGet, root+"/v1/multiplications/"+m.ID, "", "Prefer", "wait=60").want(t, http.StatusOK)
		events := b.do(http.MethodGet, root+"/v1/multiplications/"+m.ID+"/events", "").want(t, http.StatusOK)
		if path, _ := url.Parse(root); !strings.Contains(string(events.body), `"href":"`+path.Path+"/v1/") {
			t.Errorf("the events are %s, want the path of the result below %s", events.body, path.Path)
		}
		for _, path := range []string{
			"/", "/docs", "/docs/", "/riverui", "/riverui/", "/riverui/jobs", "//v1/overview", "/docs//x",
		} {
			b.do(http.MethodGet, root+path, "", "Accept", "text/html, */*")
		}
		if len(b.seen) < 25 {
			t.Errorf("%d references, want at least 25", len(b.seen))
		}
		for reference := range b.seen {
			if strings.Contains(reference, "/events") && !strings.Contains(reference, m.ID) {
				continue // lasts as long as its multiplication
			}
			a := b.do(http.MethodGet, reference, "", "Accept", "*/*")
			if a.StatusCode >= http.StatusBadRequest && !strings.HasSuffix(reference, "/riverui/api") &&
				!strings.HasSuffix(reference, "/docs/x") {
				t.Errorf("%s: %s, want it to be there", reference, a.Status)
			}
		}
	}
}

// TestStrangePrefixes: what is not one plain path is ignored, since the header may come from anywhere.
func TestStrangePrefixes(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	const body = `{"values": [[1]]}`
	for _, prefix := range []string{
		"", "/", "//evil.example", "/a//b", "evil", "http://evil.example/", "/a\\b", "/..", "/a/../b", "/./a", "/a?b", "/a#b",
		"/a b", "/%2e%2e", "/\"><script>", "/a, /b", "/" + strings.Repeat("a", 200),
	} {
		a := s.do(t, http.MethodPost, "/v1/matrices", strings.NewReader(body), "Content-Type", jsonType,
			"X-Forwarded-Prefix", prefix).want(t, http.StatusCreated)
		if got := a.Header.Get("Location"); !strings.HasPrefix(got, "/v1/matrices/") {
			t.Errorf("the prefix %q makes the Location %q, want it ignored", prefix, got)
		}
		page := s.send(t, http.MethodGet, "/riverui/", nil, "X-Forwarded-Prefix", prefix).want(t, http.StatusOK)
		if !strings.Contains(string(page.body), `"/riverui/assets/`) {
			t.Errorf("the prefix %q changes the page %s, want it ignored", prefix, page.body)
		}
	}
	two := rawRoute{http.MethodPost, "/v1/matrices"}.head("Content-Type: "+jsonType, "X-Forwarded-Prefix: /a",
		"X-Forwarded-Prefix: /b", "Content-Length: 17") + body
	if got := s.ask(t, two).Header.Get("Location"); !strings.HasPrefix(got, "/v1/") {
		t.Errorf("two prefixes make the Location %q, want them ignored", got)
	}
}

// TestReferencesInResources: each member of a resource that is a reference gets the prefix.
func TestReferencesInResources(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(describedAPI(t).Components.Schemas)
	if err != nil {
		t.Fatal(err)
	}
	var schemas map[string]struct {
		Properties map[string]struct{ Format string }
	}
	if err := json.Unmarshal(text, &schemas); err != nil {
		t.Fatal(err)
	}
	found := 0
	for schema, s := range schemas {
		for member, p := range s.Properties {
			if p.Format != "uri-reference" || schema == "Problem" || schema == "ErrorModel" {
				continue
			}
			found++
			in := `{"` + member + `":"/x","failure":"\"` + member + `\":\"/x\""}`
			want := `{"` + member + `":"/p/x","failure":"\"` + member + `\":\"/x\""}`
			if got := string(resource.Below("/p", []byte(in))); got != want {
				t.Errorf("%s.%s: %s becomes %s, want %s", schema, member, in, got, want)
			}
		}
	}
	if found < 7 {
		t.Errorf("%d references, want at least 7", found)
	}
}

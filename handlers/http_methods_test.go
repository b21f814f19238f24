package handlers_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// methodsOf returns the methods of each path of the site. A GET is a HEAD, too.
func methodsOf(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, route := range rawRoutes(t) {
		if strings.HasPrefix(route.path, "/riverui/") {
			continue // has rules of its own
		}
		path := route.path
		switch path {
		case "/matrix_multiplication":
			path += "/"
		case "/v1/matrices/":
			path = "/v1/matrices"
		}
		for _, method := range []string{route.method, http.MethodHead} {
			if (method == route.method || route.method == http.MethodGet) && !slices.Contains(all[path], method) {
				all[path] = append(all[path], method)
			}
		}
	}
	for path, methods := range all {
		slices.Sort(methods)
		if path == "/v1/matrices" || path == "/v1/multiplications" {
			all[path+"/"] = methods
		}
	}
	return all
}

// TestAllow: 405 "MUST generate an Allow header field in a 405 response containing a list of the target resource's
// currently supported methods" (RFC 9110, 15.5.6); OPTIONS is none of them.
func TestAllow(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	paths := methodsOf(t)
	if len(paths) < 18 {
		t.Errorf("paths %v, want at least 18", slices.Sorted(maps.Keys(paths)))
	}
	for path, methods := range paths {
		for _, method := range []string{
			"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get",
		} {
			a := s.ask(t, rawRoute{method, path}.head("Content-Length: 0"))
			switch allowed := slices.Contains(methods, method); {
			case allowed && a.StatusCode == http.StatusMethodNotAllowed:
				t.Errorf("%s %s: %s, want it allowed", method, path, a.Status)
			case allowed:
			case a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != strings.Join(methods, ", "):
				t.Errorf("%s %s: %s, Allow %q, want 405 with %q", method, path, a.Status, a.Header.Get("Allow"), methods)
			case method != http.MethodHead && a.Header.Get("Content-Type") != "application/problem+json":
				t.Errorf("%s %s: Content-Type %q, want a problem", method, path, a.Header.Get("Content-Type"))
			}
		}
	}
}

// TestHeadIsGet: "the server SHOULD send the same header fields in response to a HEAD request as it would have sent if
// the request method had been GET", and MUST NOT send content (RFC 9110, 9.3.2).
func TestHeadIsGet(t *testing.T) {
	t.Parallel()
	s := setupRaw(t)
	matrix := s.upload(t, someElements(3, 2).npy())
	m := s.submit(t, tinySubmission)
	var paths []string
	for _, route := range rawRoutes(t) {
		if route.method == http.MethodGet {
			paths = append(paths, route.path)
		}
	}
	paths = append(paths, "/v1/matrices/"+matrix.ID, "/v1/matrices/"+matrix.ID+"/content", m.Links.Self,
		"/v1/matrices/"+matrix.ID+"/content?rows=0:1", "/v1/multiplications?limit=1", "/v1/multiplications?limit=x",
		m.Links.Self+"/result", "/nothing", "/riverui/assets/none", "//v1/overview")
	for _, path := range paths {
		for _, header := range []string{
			"Accept: */*", "Accept: application/json", "Accept-Encoding: gzip", "If-None-Match: *",
		} {
			get := s.ask(t, rawRoute{http.MethodGet, path}.head(header, "Connection: close"))
			c := s.connect(t)
			_, _ = c.Write([]byte(rawRoute{http.MethodHead, path}.head(header, "Connection: close"))) // reading tells
			head, err := c.response(http.MethodHead)
			if err != nil || head.StatusCode != get.StatusCode {
				t.Errorf("HEAD %s, %s: %s, %v, want %s", path, header, head.Status, err, get.Status)
				continue
			}
			if !c.closes() {
				t.Errorf("HEAD %s, %s: has content", path, header)
			}
			for name := range get.Header {
				// Two overviews have different times. The length may be omitted if it is known only by making the content.
				// Content-Digest is that of the content of the message, which has none (RFC 9530, 2).
				_, there := head.Header[name]
				if name == "Date" || name == "X-Request-Id" || name == "Content-Length" && !there || name == "Content-Digest" {
					continue
				}
				if got, want := head.Header.Get(name), get.Header.Get(name); got != want && path != "/v1/overview" {
					t.Errorf("HEAD %s, %s: %s is %q, want %q", path, header, name, got, want)
				}
			}
		}
	}
}

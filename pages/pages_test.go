package pages_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/pages"
)

func site(links pages.Links) *http.ServeMux {
	mux := http.NewServeMux()
	pages.Mount(mux, links)
	return mux
}

func ask(mux http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

var (
	references = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	inline     = regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\sstyle=|\son\w+=|javascript:`)
)

// TestPages checks that every file that a page links to exists with the content type of its extension, and that all
// links are relative.
func TestPages(t *testing.T) {
	t.Parallel()
	mux := site(pages.Links{RiverUI: true})
	beside := map[string]bool{"/openapi.yaml": true, "/riverui/": true} // served by package handlers
	types := map[string]string{".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", "": "text/html"}
	for _, page := range []string{"/", "/docs/", "/signin/", "/multiplications/x"} {
		w := ask(mux, http.MethodGet, page)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("GET %s = %d, %v, want 200 with HTML", page, w.Code, w.Header())
		}
		if found := inline.FindString(w.Body.String()); found != "" {
			t.Errorf("%s has %q, which its policy forbids", page, found)
		}
		links := references.FindAllStringSubmatch(w.Body.String(), -1)
		if len(links) < 5 {
			t.Errorf("%s has the links %v, want at least 5", page, links)
		}
		for _, link := range links {
			if strings.Contains(link[1], ":") || strings.HasPrefix(link[1], "/") {
				t.Errorf("%s links to %s, which is not relative", page, link[1])
				continue
			}
			target := path.Join(page[:strings.LastIndex(page, "/")+1], link[1])
			if strings.HasSuffix(link[1], "/") && target != "/" {
				target += "/"
			}
			if beside[target] {
				continue
			}
			w := ask(mux, http.MethodGet, target)
			if kind := w.Header().Get("Content-Type"); w.Code != http.StatusOK || !strings.HasPrefix(kind, types[path.Ext(target)]) {
				t.Errorf("%s links to %s: got %d, %s, want 200, %s", page, target, w.Code, kind, types[path.Ext(target)])
			}
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	mux := site(pages.Links{})
	// River UI alone may use inline styles.
	framed := ask(pages.FrameRiverUI(http.NotFoundHandler()), http.MethodGet, "/riverui/").Header().Get("Content-Security-Policy")
	policies := []string{strings.Replace(framed, "style-src 'self' 'unsafe-inline'", "", 1)}
	for _, page := range []string{"/", "/docs/", "/signin/", "/multiplications/x"} {
		policies = append(policies, ask(mux, http.MethodGet, page).Header().Get("Content-Security-Policy"))
	}
	for _, policy := range policies {
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s lacks %s", policy, want)
			}
		}
		for _, bad := range []string{"unsafe", "*", "http"} {
			if strings.Contains(policy, bad) {
				t.Errorf("%s has %s", policy, bad)
			}
		}
	}
}

func TestLinkToRiverUI(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{false, true} {
		page := ask(site(pages.Links{RiverUI: there}), http.MethodGet, "/docs/").Body.String()
		if strings.Contains(page, "riverui/") != there {
			t.Errorf("Links{RiverUI: %v}: the page is\n%s\nwant the link to River UI in it: %v", there, page, there)
		}
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	w := ask(site(pages.Links{}), http.MethodGet, "/docs")
	if w.Code != http.StatusPermanentRedirect || w.Header().Get("Location") != "docs/" {
		t.Errorf("GET /docs = %d to %q, want 308 to %q", w.Code, w.Header().Get("Location"), "docs/")
	}
}

// TestCompression checks that a file that is embedded compressed is served in both encodings, with different ETags.
func TestCompression(t *testing.T) {
	t.Parallel()
	mux := site(pages.Links{})
	const file = "/docs/swagger-ui.css"
	plain := ask(mux, http.MethodGet, file)
	for _, refusal := range []string{"identity", "br", "gzip;q=0", "*, gzip; q=0", "*;q=0", ""} {
		w := ask(mux, http.MethodGet, file, "Accept-Encoding", refusal)
		if w.Header().Get("Content-Encoding") != "" || !bytes.Equal(w.Body.Bytes(), plain.Body.Bytes()) {
			t.Errorf("Accept-Encoding %q: got %v, want the file uncompressed", refusal, w.Header())
		}
	}
	for _, wish := range []string{"gzip", "deflate, gzip, br", "br;q=1.0, GZIP;q=0.5", "*"} {
		w := ask(mux, http.MethodGet, file, "Accept-Encoding", wish)
		if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Fatalf("Accept-Encoding %q: got %v, want gzip and another ETag", wish, w.Header())
		}
		r, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(r); err != nil || !bytes.Equal(content, plain.Body.Bytes()) {
			t.Errorf("Accept-Encoding %q: got %d bytes, %v, want the %d bytes of the file", wish, len(content), err, plain.Body.Len())
		}
	}
	if vary := plain.Header().Get("Vary"); vary != "Accept-Encoding" {
		t.Errorf("Vary = %q, want Accept-Encoding", vary)
	}
}

func TestCaching(t *testing.T) {
	t.Parallel()
	mux := site(pages.Links{})
	for _, file := range []string{"/", "/docs/", "/assets/home.js", "/docs/swagger-ui-bundle.js", "/favicon.ico"} {
		for _, encoding := range []string{"gzip", "identity"} {
			first := ask(mux, http.MethodGet, file, "Accept-Encoding", encoding)
			tag := first.Header().Get("ETag")
			if first.Code != http.StatusOK || tag == "" || first.Header().Get("Cache-Control") != "no-cache" {
				t.Errorf("GET %s = %d, %v, want 200 with an ETag and no-cache", file, first.Code, first.Header())
			}
			again := ask(mux, http.MethodGet, file, "Accept-Encoding", encoding, "If-None-Match", tag)
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != tag {
				t.Errorf("GET %s with If-None-Match = %d, %v, want 304 with the same ETag", file, again.Code, again.Header())
			}
			head := ask(mux, http.MethodHead, file, "Accept-Encoding", encoding)
			if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != first.Header().Get("Content-Length") {
				t.Errorf("HEAD %s = %d, %v, want the headers of GET", file, head.Code, head.Header())
			}
		}
	}
}

// TestFrameRiverUI: pages of River UI get the bar, with references that are relative to them; all else is as it was.
func TestFrameRiverUI(t *testing.T) {
	t.Parallel()
	const page, script = `<html><head></head><body><div id="root"></div></body></html>`, `</head>`
	ui := pages.FrameRiverUI(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "60")
		switch r.URL.Path {
		case "/riverui/x.js":
			w.Header().Set("Content-Type", "text/javascript")
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write([]byte(script))
			return
		case "/riverui/error":
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(page))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusOK)
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(page))
		}
	}))
	w := ask(ui, http.MethodGet, "/riverui/jobs/17")
	got := w.Body.String()
	for _, want := range []string{
		`href="../../assets/riverui.css">`, `<script type="module" src="../../assets/riverui.js"></script>` + "\n</head>",
		`<a id="millrace-start" href="../../">`, `<div id="root"></div></body>`,
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("the page is %s, want %s in it once", got, want)
		}
	}
	if length := w.Header().Get("Content-Length"); length != strconv.Itoa(len(got)) {
		t.Errorf("Content-Length %s of %d bytes", length, len(got))
	}
	if w := ask(ui, http.MethodHead, "/riverui/"); w.Code != http.StatusOK || w.Header().Get("Content-Length") != "" {
		t.Errorf("HEAD: status %d, Content-Length %q, want 200 and none", w.Code, w.Header().Get("Content-Length"))
	}
	if w := ask(ui, http.MethodGet, "/riverui/x.js"); w.Code != http.StatusAccepted || w.Body.String() != script {
		t.Errorf("the script is %d %q, want it as it was", w.Code, w.Body)
	}
	if w := ask(ui, http.MethodGet, "/riverui/error"); w.Code != http.StatusNotFound || w.Body.String() != page {
		t.Errorf("the error is %d %q, want it as it was", w.Code, w.Body)
	}
}

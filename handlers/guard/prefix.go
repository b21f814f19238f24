package guard

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
)

// prefixHeader has the path below which a proxy serves the site, and which it removes from the requests that it sends.
const prefixHeader = "X-Forwarded-Prefix"

// maxPrefix is the length of the longest prefix.
const maxPrefix = 200

var plainPrefix = regexp.MustCompile(`^(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?$`)

// Prefix returns the path below which a proxy serves the site, without a slash at its end; "" for none. Anything but
// one plain path is ignored: the header may come from the client.
func Prefix(headers http.Header) string {
	given := headers[prefixHeader]
	if len(given) != 1 || len(given[0]) > maxPrefix || !plainPrefix.MatchString(given[0]) {
		return ""
	}
	return strings.TrimSuffix(given[0], "/")
}

// BelowPrefix makes the references in headers and in pages begin with the prefix of a request, if they are paths from
// the root of the server.
func BelowPrefix(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		prefix := Prefix(r.Header)
		if prefix == "" {
			next.ServeHTTP(w, r)
			return
		}
		below := &prefixWriter{ResponseWriter: w, prefix: prefix}
		next.ServeHTTP(below, r)
		below.finish()
	})
}

// prefixWriter adds a prefix to the references of a response. It holds back pages, which are small.
type prefixWriter struct {
	http.ResponseWriter
	prefix string
	begun  bool
	isPage bool
	page   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *prefixWriter) WriteHeader(status int) {
	if !w.begun && status >= http.StatusOK {
		w.begun = true
		header := w.Header()
		header.Add("Vary", prefixHeader)
		if location := header.Get("Location"); fromRoot(location) {
			header.Set("Location", w.prefix+location)
		}
		if link := header.Get("Link"); strings.HasPrefix(link, "</") {
			header.Set("Link", "<"+w.prefix+link[1:])
		}
		html := strings.HasPrefix(header.Get("Content-Type"), "text/html")
		w.isPage = html && header.Get("Content-Range") == ""
		if w.isPage {
			header.Del("Content-Length")
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// fromRoot reports whether a reference is a path from the root of the server.
func fromRoot(reference string) bool {
	return strings.HasPrefix(reference, "/") && !strings.HasPrefix(reference, "//")
}

func (w *prefixWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.isPage {
		return w.page.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// fromRootInPage matches the beginning of a quoted path from the root, in an attribute or in JSON.
var fromRootInPage = regexp.MustCompile(`"/([A-Za-z0-9])`)

// finish sends a page that was held back.
func (w *prefixWriter) finish() {
	if w.page.Len() == 0 {
		return
	}
	page := fromRootInPage.ReplaceAll(w.page.Bytes(), []byte(`"`+w.prefix+`/$1`))
	_, _ = w.ResponseWriter.Write(page) // the client may be gone
}

// Prefix returns the path below which a proxy serves the site.
func (w *prefixWriter) Prefix() string { return w.prefix }

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *prefixWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

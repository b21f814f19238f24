package guard

import (
	"maps"
	"net/http"
)

// Policy is the content security policy of what is no page: nothing in it may be loaded or run, nor embedded.
const Policy = "default-src 'none'; frame-ancestors 'none'"

// noStore and revalidate say what caches may do: nothing, or to keep a response for one client and ask whether it is
// current, for which it has an ETag.
const (
	noStore    = "no-store"
	revalidate = "private, no-cache"
)

// setHeaders sets the headers that restrict what browsers and caches do with a response, as OWASP advises for REST.
func setHeaders(h http.Header) {
	maps.Copy(h, restricting)
}

// restricting are those headers. Their values are not changed: Add makes other slices, as these are full.
var restricting = http.Header{
	"Cache-Control":                {noStore},
	"Content-Security-Policy":      {Policy},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
}

// WithHeaders gives responses the headers that restrict browsers and caches. Pages replace some.
func WithHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		next.ServeHTTP(&cacheWriter{ResponseWriter: w}, r)
	})
}

// cacheWriter lets a client keep a response that has an ETag.
type cacheWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (w *cacheWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *cacheWriter) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

func (w *cacheWriter) begin(status int) {
	if w.begun {
		return
	}
	w.begun = true
	h := w.Header()
	switch cache := h.Get("Cache-Control"); {
	case cache != "" && cache != noStore:
	case h.Get("ETag") != "" && status < http.StatusBadRequest:
		h.Set("Cache-Control", revalidate)
		h.Add("Vary", "Authorization, Cookie")
	case cache == "": // net/http has deleted it from an error
		h.Set("Cache-Control", noStore)
	}
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *cacheWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

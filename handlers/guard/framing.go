package guard

import "net/http"

// CloseAfter closes the connection of a request that may be followed by something else than its proxy thinks. A
// request with both Transfer-Encoding and Content-Length is an attempt to smuggle another one past a proxy, and its
// connection must not be used again; the same goes for Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1). net/http hides
// the header that it ignores, so what is looked at is what is left.
func CloseAfter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunked := len(r.TransferEncoding) > 0
		withoutLength := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header["Content-Length"] == nil
		if chunked || !r.ProtoAtLeast(1, 1) && withoutLength {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

package guard

import (
	"net/http"
	"strings"
)

// lists are the request headers whose value is a list: several lines of one are one list (RFC 9110, 5.3).
var lists = []string{
	"Accept",
	"Accept-Encoding",
	"Content-Digest",
	"Content-Encoding",
	"If-Match",
	"If-None-Match",
	"Prefer",
	"Repr-Digest",
	"Want-Content-Digest",
	"Want-Repr-Digest",
}

// JoinLists makes one line of the lines of a header that is a list: Huma and net/http read the first line alone.
func JoinLists(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range lists {
			if lines := r.Header[name]; len(lines) > 1 {
				r.Header[name] = []string{strings.Join(lines, ", ")}
			}
		}
		next.ServeHTTP(w, r)
	})
}

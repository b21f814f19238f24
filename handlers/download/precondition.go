package download

import (
	"net/http"
	"strings"
)

// Matches reports whether an If-None-Match header names a tag, by the weak comparison of RFC 9110.
func Matches(header, tag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

// Precondition begins the response with a content of an ETag, as http.ServeContent does where the length is known. It
// responds to a request whose conditions do not hold, by section 13.2.2 of RFC 9110, and reports whether it did.
func Precondition(w http.ResponseWriter, r *http.Request, tag string) (done bool) {
	w.Header().Set("ETag", tag)
	w.Header().Set("Vary", "Accept")
	match, noneMatch := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case match != "" && !matchesStrongly(match, tag):
		w.WriteHeader(http.StatusPreconditionFailed)
	case noneMatch != "" && Matches(noneMatch, tag):
		w.WriteHeader(http.StatusNotModified)
	default:
		return false
	}
	return true
}

// matchesStrongly is Matches by the strong comparison, by which a weak tag matches none.
func matchesStrongly(header, tag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}
